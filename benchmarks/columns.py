"""Which columns do the rows of the speed benchmarks have?"""

NUMERIC = (
    *(f"normal_{n:02}" for n in range(20)),
    *(f"lognormal_{n:02}" for n in range(10)),
    *(f"integer_{n:02}" for n in range(10)),
    *(f"zeros_{n:02}" for n in range(10)),  # mostly zero, else exponential
)
LEVELS = (2, 3, 5, 8, 12, 20, 50, 100, 300, 1000)
CATEGORICAL = tuple(f"category_{levels}" for levels in LEVELS)
WATCHED = (*NUMERIC, *CATEGORICAL)
VERSION, SEGMENT = "model_version", "segment"
VERSIONS, SEGMENTS = 3, 10
