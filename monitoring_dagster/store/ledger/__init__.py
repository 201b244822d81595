"""The ledger: findings, incidents, decisions, deliveries, in SQL."""
