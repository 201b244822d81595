"""What the columns of two tables say: who plays which role, ids, times, spellings, classes."""
