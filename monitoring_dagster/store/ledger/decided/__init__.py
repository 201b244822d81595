"""What was decided: about labels, versions and retrainings, as rows of the ledger."""
