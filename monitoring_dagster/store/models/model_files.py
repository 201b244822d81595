"""May the bytes of a stored model be opened?"""

from collections.abc import Collection
from typing import Any, Self

from monitoring_dagster.errors import MonitoringError

# Beyond what skops trusts by itself: what fitted scikit-learn pipelines were seen to hold. Names,
# not prefixes: a prefix would let in every function that a module happens to import.
_TRUSTED_TYPES = frozenset(
    {
        "functools.partial",
        "numpy.dtype",
        "scipy._lib.array_api_compat.numpy._aliases.asarray",
        "scipy.interpolate._bsplines.BSpline",
        "sklearn._loss.loss.HalfTweedieLoss",
        "sklearn._loss.loss.HalfTweedieLossIdentity",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.compose._column_transformer.make_column_selector",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.feature_selection._mutual_info.mutual_info_classif",
        "sklearn.feature_selection._mutual_info.mutual_info_regression",
        "sklearn.feature_selection._univariate_selection.f_classif",
        "sklearn.feature_selection._univariate_selection.f_regression",
        "sklearn.metrics._classification.balanced_accuracy_score",
        "sklearn.metrics._dist_metrics.ChebyshevDistance64",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.metrics._dist_metrics.MinkowskiDistance64",
        "sklearn.metrics._scorer._CurveScorer",
        "sklearn.metrics._scorer._PassthroughScorer",
        "sklearn.metrics._scorer._Scorer",
        "sklearn.model_selection._split.KFold",
        "sklearn.model_selection._split.StratifiedKFold",
        "sklearn.model_selection._split.TimeSeriesSplit",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.tree._tree.Tree",
        "sklearn.utils._bunch.Bunch",
        "sklearn.utils._metadata_requests.MetadataRequest",
        "sklearn.utils._metadata_requests.MethodMetadataRequest",
        "sklearn.utils.validation.check_array",
    }
)


class UntrustedModel(MonitoringError):
    """A stored model that will not be loaded, because loading may run what it says."""

    @classmethod
    def of(cls, name: str, version: str, *, because: str) -> Self:
        return cls(
            f"version {version} of {name!r} is not loaded: {because}."
            " Train and register it anew with Registry.log_version."
        )

    @classmethod
    def with_types(cls, name: str, types: Collection[str]) -> Self:
        return cls(
            f"a model of {name!r} holds {', '.join(sorted(types))}, which is not known to be safe:"
            " build it from scikit-learn's own estimators"
        )


def trusted_types(model: Any, *, name: str) -> list[str]:
    """The types in *model* that skops must be told to trust; UntrustedModel if we do not."""
    from skops import io

    return _checked(io.dumps(model), name)


def model_from(content: bytes, *, name: str) -> Any:
    """The model in a skops file that holds nothing but types known to be safe."""
    from skops import io

    return io.loads(content, trusted=_checked(content, name))


def _checked(content: bytes, name: str) -> list[str]:
    from skops import io

    types: list[str] = io.get_untrusted_types(data=content)
    if unknown := set(types) - _TRUSTED_TYPES:
        raise UntrustedModel.with_types(name, unknown)
    return types
