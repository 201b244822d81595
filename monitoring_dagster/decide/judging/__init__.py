"""Judgement of one day, from its signals."""
