"""A stored model is opened only if every type in it is known to be safe."""

import os
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from skops import io

from monitoring_dagster.store.models.model_files import UntrustedModel, model_from, trusted_types

ROWS = np.arange(40.0).reshape(-1, 1) % 7
TRUTH = np.arange(40) % 2


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), LogisticRegression()),
        HistGradientBoostingClassifier(max_iter=3),
    ],
    ids=["a linear pipeline", "trees"],
)
def test_what_scikit_learn_fitted_comes_back_as_it_was(model):
    model.fit(ROWS, TRUTH)
    loaded = model_from(io.dumps(model), name="churn")
    assert np.array_equal(loaded.predict_proba(ROWS), model.predict_proba(ROWS))
    assert set(trusted_types(model, name="churn")) == set(
        io.get_untrusted_types(data=io.dumps(model))
    )


@pytest.mark.parametrize(
    "model",
    [
        FunctionTransformer(os.system),
        FunctionTransformer(eval),
        make_pipeline(FunctionTransformer(pickle.loads)),
        FunctionTransformer(np.load),
        FunctionTransformer(pd.read_pickle),
    ],
    ids=["os.system", "eval", "pickle.loads", "numpy.load", "pandas.read_pickle"],
)
def test_what_could_run_anything_is_neither_written_nor_opened(model):
    """Also from the libraries that models are made of."""
    for asked in (
        lambda: trusted_types(model, name="churn"),
        lambda: model_from(io.dumps(model), name="churn"),
    ):
        with pytest.raises(UntrustedModel, match="which is not known to be safe: build it from"):
            asked()


def test_the_unsafe_types_are_named_in_order():
    said = str(UntrustedModel.with_types("churn", {"os.system", "builtins.eval"}))
    assert said.startswith("a model of 'churn' holds builtins.eval, os.system, which is not known")


def test_a_version_that_is_not_loaded_says_why_and_what_to_do():
    said = str(UntrustedModel.of("churn", "3", because="it is a pickle"))
    assert said == (
        "version 3 of 'churn' is not loaded: it is a pickle."
        " Train and register it anew with Registry.log_version."
    )
