"""Numbers in, numbers out: no pandas, no clock, no I/O, no logging."""
