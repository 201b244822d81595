"""What `dg scaffold defs` writes: a short, commented file that is valid as it stands."""

import re
from typing import Any

import dagster as dg
import yaml

TEMPLATE = """\
type: {type_name}

attributes:
  name: {name}
  owner: team:{name}             # an e-mail address or team:<name>
  task: binary                   # binary, multiclass or regression

  # The inference log: one Parquet file a day. Columns named otherwise than here: see `predictions:`
  # in the README.
  predictions:
    path: data/{name}/predictions/{{day}}.parquet
    score: score

  # What turned out to be true, by the day on which it arrived. Leave out where there is none.
  labels:
    path: data/{name}/labels/{{day}}.parquet

  # segments: [country]          # columns to split by
  # multivariate_drift: true     # once a week, also look at all features together
  # expectations: expectations/{name}.json
  # retraining:
  #   trainer: assets.{name}.train:train
"""


def template(folder: str, type_name: str) -> str:
    """A defs.yaml for the model in *folder*, under the nearest name that a model can have."""
    plain = re.sub(r"[^A-Za-z0-9_]", "_", folder)
    if not re.match(r"[A-Za-z_]", plain) or isinstance(yaml.safe_load(plain), bool | None):
        plain = f"model_{plain}"  # `on` and `null` are no text in YAML
    return TEMPLATE.format(type_name=type_name, name=plain[:63])


class ModelScaffolder(dg.Scaffolder[Any]):
    """Write a defs.yaml for one more model."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        if request.scaffold_format != "yaml":
            message = "a monitored model is declared in YAML: leave out --format"
            raise dg.DagsterInvalidDefinitionError(message)
        text = template(request.target_path.name, request.type_name)
        request.target_path.mkdir(parents=True, exist_ok=True)
        (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")
