"""What `dg scaffold defs` writes: a short, commented file that is valid as it stands."""

from typing import Any

import dagster as dg

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
  # critical: true               # once a week, also look at all features together
  # expectations: expectations/{name}.json
  # retraining:
  #   trainer: assets.{name}.train:train
"""


class ModelScaffolder(dg.Scaffolder[Any]):
    """Write a defs.yaml for one more model."""

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        if request.scaffold_format != "yaml":
            message = "a monitored model is declared in YAML: leave out --format"
            raise dg.DagsterInvalidDefinitionError(message)
        name = request.target_path.name.replace("-", "_")
        text = TEMPLATE.format(type_name=request.type_name, name=name)
        request.target_path.mkdir(parents=True, exist_ok=True)
        (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")
