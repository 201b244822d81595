"""Rules as their owner sets them: limits, alerts, and rules of one's own."""
