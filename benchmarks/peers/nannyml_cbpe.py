"""NannyML's confidence-based performance estimation, with its own calibration and intervals.

REFERENCE CURRENT CHUNK_ROWS METRIC...: one line of JSON, for each metric the value and the bounds
of each chunk.
"""

import json
import sys
import warnings

import nannyml as nml
import pandas as pd


def main() -> None:
    warnings.simplefilter("ignore")
    reference, current, chunk_rows, *metrics = sys.argv[1:]
    estimator = nml.CBPE(
        metrics=metrics,
        y_pred_proba="score",
        y_pred="prediction",
        y_true="label",
        problem_type="classification_binary",
        chunk_size=int(chunk_rows),
    )
    answers = ["score", "prediction"]
    estimator.fit(pd.read_parquet(reference, columns=[*answers, "label"]))
    found = estimator.estimate(pd.read_parquet(current, columns=answers))
    chunks = found.filter(period="analysis").to_df()
    columns = ("value", "lower_confidence_boundary", "upper_confidence_boundary")
    print(
        json.dumps(
            {name: chunks[name][list(columns)].to_numpy(float).T.tolist() for name in metrics}
        )
    )


if __name__ == "__main__":
    main()
