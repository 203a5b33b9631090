"""The main job by the generated Python client: ``python smoke.py URL KEY TABLE``."""

import sys
from io import BytesIO
from pathlib import Path
from typing import TypeVar

from partialpool_generated import AuthenticatedClient
from partialpool_generated.api.datasets import delete_dataset, upload
from partialpool_generated.api.models import delete_model, effects, fit, predict
from partialpool_generated.models import (
    DatasetDetail,
    EffectsPage,
    FitRequest,
    FittedModel,
    PredictionItems,
    PredictionRequest,
    PredictionRequestRowsType0Item,
    Problem,
    UploadFilesBody,
)
from partialpool_generated.types import File

T = TypeVar("T")

FORMULA = "log(radon + 0.1) ~ floor + (1 | county)"


def a(kind: type[T], answer: object) -> T:
    """Return an answer, which is to be of this kind."""
    assert isinstance(answer, kind), answer
    return answer


def main(url: str, key: str, table: Path) -> None:
    """Upload, fit, read the effects, predict, be refused, delete."""
    client = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
    file = File(BytesIO(table.read_bytes()), file_name=table.name, mime_type="text/csv")
    form = UploadFilesBody(file=file)  # what kind of file a plain body is, this client cannot say
    dataset = a(DatasetDetail, upload.sync(client=client, body=form, name="generated-python"))
    assert dataset.n_rows == 919, dataset.n_rows

    asked = FitRequest(formula=FORMULA, dataset=dataset.id)
    model = a(FittedModel, fit.sync(client=client, body=asked))
    estimates = [round(row.estimate, 4) for row in model.fixed_effects]
    assert estimates == [1.4924, -0.6629], estimates
    assert model.convergence.converged

    page = a(EffectsPage, effects.sync(client=client, model=model.id, group="county", limit=10))
    aitkin = page.items[0]
    assert (aitkin.level, aitkin.n, page.count) == ("AITKIN", 4, 85)
    intercept = aitkin.coefficients["(Intercept)"].estimate
    assert intercept is not None
    assert round(intercept, 4) == 1.2291, intercept

    house = PredictionRequestRowsType0Item.from_dict({"county": "AITKIN", "floor": 0})
    request = PredictionRequest(rows=[house], thresholds=[4])
    items = a(PredictionItems, predict.sync(client=client, model=model.id, body=request)).items
    outcome = items[0].outcome
    assert outcome is not None
    assert round(outcome.exceedance[0].probability or 0, 2) == 0.41, outcome

    wrong = FitRequest(formula="radon ~ flor + (1 | county)", dataset=dataset.id)
    problem = a(Problem, fit.sync(client=client, body=wrong))
    assert problem.errors[0].code == "unknown_column", problem

    assert delete_model.sync_detailed(client=client, model=model.id).status_code == 204
    assert delete_dataset.sync_detailed(client=client, dataset=dataset.id).status_code == 204


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    print("python: uploaded, fitted, predicted")
