from __future__ import annotations

import math
from pathlib import Path

import pandas as pd
import pytest

from engine import Spec, summarise, write_summary
from partialpool import Client, FitRequest, Model, ProblemError, Report, UnusableDataError
from service.schemas.fits import FitRequest as ServiceFitRequest
from tests.client.conftest import FORMULA, SURVEY, number
from tools.live import Live

HOUSES = pd.DataFrame({"county": ["AITKIN", "MARS"], "floor": [0, 1]}, index=["a", "b"])


def test_a_dataframe_is_fitted_and_its_effects_are_a_dataframe(
    client: Client, survey: pd.DataFrame
) -> None:
    found = client.fit("log(radon+0.1) ~ floor + (1|county)", survey).effects("county")
    assert found.index.name == "county"
    assert len(found) == 85
    assert math.isclose(
        number(found, "AITKIN", "coefficients.(Intercept).estimate"), 1.2291388, abs_tol=5e-8
    )


def test_a_model_is_printed_as_r_does(model: Model) -> None:
    assert str(model).startswith("lmer(formula = log(radon + 0.1) ~ floor + (1 | county))\n")
    assert "floor       -0.66     0.07" in str(model)
    assert repr(model).startswith("<Model m_")


def test_parameters_are_one_row_each(model: Model) -> None:
    found = model.parameters
    assert list(found["term"]) == ["(Intercept)", "floor", "sd__(Intercept)", "sd__Observation"]
    assert [round(value, 3) for value in found["estimate"]] == [1.492, -0.663, 0.315, 0.726]
    assert number(model.fixed_effects, "floor", "df") > 900
    assert number(model.covariance, "floor", "floor") > 0
    assert round(float(model.statistics["criterion"]), 3) == 2097.522
    assert model.converged


def test_correlations_are_parameters_too(client: Client) -> None:
    formula = "log(radon + 0.1) ~ floor + (1 + floor | county)"
    found = client.fit(formula, "minnesota-radon").parameters
    assert "cor__(Intercept).floor" in list(found["term"])


def test_predictions_have_the_rows_index_and_need_no_tidying(model: Model) -> None:
    found = model.predict(HOUSES.assign(visited="2026"), thresholds=4)
    assert list(found.index) == ["a", "b"]
    assert round(number(found, "a", "outcome.exceedance.4"), 3) == 0.406
    assert list(found["new_levels"].iloc[1]) == ["county"]


def test_an_interval_is_the_lines_or_a_new_observations(model: Model) -> None:
    line = model.predict(HOUSES, interval="confidence")
    new = model.predict(HOUSES, interval="prediction")
    assert list(line) == list(new) == ["estimate", "std_error", "lower", "upper"]
    assert (new["upper"] > line["upper"]).all()
    none = model.predict([{"floor": 0}], interval="confidence", random_effects="none")
    assert round(number(none, 0, "estimate"), 4) == 1.4924


def test_many_rows_are_predicted_in_parts(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("partialpool.calls.model.FEW_ROWS", 2)
    monkeypatch.setattr("partialpool.calls.model.PART_ROWS", 3)
    found = model.predict(pd.concat([HOUSES] * 4))
    assert list(found.index) == ["a", "b"] * 4
    assert found["estimate"].nunique() == 2


def test_a_level_that_is_refused_is_a_problem_with_a_pointer(model: Model) -> None:
    with pytest.raises(ProblemError) as error:
        model.predict(HOUSES, new_levels="reject")
    assert error.value.pointer == "#/rows/1/county"


def test_intervals_are_those_of_confint(model: Model) -> None:
    found = model.intervals()
    assert list(found.index) == ["sd_(Intercept)|county", "sigma", "(Intercept)", "floor"]
    assert ((found["lower"] < found["estimate"]) & (found["estimate"] < found["upper"])).all()
    wald = model.intervals("wald", level=0.5)
    assert (wald["upper"] < found["upper"]).all()


def test_tests_and_means_are_dataframes(client: Client, model: Model) -> None:
    assert list(model.anova()["term"]) == ["floor"]
    assert list(model.ranova()["term"]) == ["(1 | county)"]
    assert round(number(model.contrasts({"up": {"floor": 1}}), 0, "estimate"), 4) == -0.6629
    assert number(model.coefficients(df="kenward-roger"), "floor", "df") > 900
    factor = client.fit(FORMULA, "minnesota-radon", categorical="floor")
    assert len(factor.marginal_means("floor")) == 2
    assert len(factor.marginal_means("floor", pairs=True)) == 1


def test_models_are_compared_by_the_one_or_by_the_client(client: Client, model: Model) -> None:
    larger = client.fit("log(radon + 0.1) ~ floor + log_uranium + (1 | county)", "minnesota-radon")
    found = model.compare(larger)
    assert found.attrs["method"] == "ML"
    assert round(number(found, 1, "test.chisq"), 2) == 41.70
    assert found.equals(client.compare(larger, model.id))


def test_diagnostics_come_by_row_and_by_level(model: Model) -> None:
    assert model.diagnostics().n_rows == len(model.residuals()) == 919
    assert len(model.influence()) == len(model.pooling()) == 85
    assert len(model.simulate(n_sim=2)) == 2 * 919
    assert len(model.simulate(HOUSES, n_sim=3)) == 6


@pytest.mark.slow
def test_a_plot_is_shown_and_saved(model: Model, tmp_path: Path) -> None:
    assert "caterpillar" in [plot.name for plot in model.plots().items]
    plot = model.plot("caterpillar", format="vega-lite", title="Counties")
    assert plot.spec["title"]
    assert any(name.startswith("application/vnd.vegalite") for name in plot._repr_mimebundle_())
    assert plot.save(tmp_path / "counties.json").read_bytes() == plot.content


def test_an_unknown_column_is_told_with_its_hint(client: Client) -> None:
    with pytest.raises(ProblemError) as error:
        client.fit("log(radon) ~ flor + (1 | county)", "minnesota-radon")
    assert "hint: did you mean floor?" in str(error.value)


def test_a_problem_without_parts_has_the_hint_of_its_kind(client: Client) -> None:
    with pytest.raises(ProblemError) as error:
        client.model("m_none")
    assert error.value.status == 404
    assert error.value.hint


def test_the_spec_is_the_services_own(client: Client, model: Model) -> None:
    assert FitRequest is ServiceFitRequest
    again = client.fit(FitRequest(formula=FORMULA, dataset="minnesota-radon"))
    assert again == model
    with pytest.raises(TypeError, match="leave `data` out"):
        client.fit(FitRequest(formula=FORMULA), "minnesota-radon")


def test_a_file_is_uploaded_with_progress_and_kept_once(
    live: Live, tmp_path: Path, survey: pd.DataFrame
) -> None:
    reports: list[Report] = []
    path = tmp_path / "houses.parquet"
    survey.assign(county=survey["county"].astype("category")).head(200).to_parquet(path)
    with Client(live.url, progress=reports.append) as client:
        found = client.upload(path, name="client-houses")
        assert client.upload(survey.head(200)).id == found.id
        assert [report.title for report in reports[:1]] == ["uploading houses.parquet"]
        assert reports[0].fraction == 1.0
        assert client.dataset("client-houses").detail().columns[0].distinct == 19
        assert found in list(client.datasets())
        rows = found.rows()
        assert rows["radon"].tolist() == survey["radon"].head(200).tolist()
        assert len(found.rows(limit=7)) == 7
        grown = found.append(survey.tail(10))
        assert grown.n_rows == 210
        assert client.fit(FORMULA, grown).n_rows == 210
        grown.delete()
        found.delete()
        with pytest.raises(ProblemError):
            client.dataset("client-houses")


def test_sites_that_send_sums_are_merged_and_fitted_together(
    client: Client, survey: pd.DataFrame, tmp_path: Path
) -> None:
    spec, sites = Spec.of(FORMULA), []
    for name, rows in (("north", survey.head(500)), ("south", survey.tail(419))):
        path = tmp_path / f"{name}.json"
        path.write_bytes(write_summary(summarise(spec, rows)))
        media = "application/vnd.partialpool.summary+json"
        sites.append(client.upload(path, media_type=media))
    whole = client.merge(*sites, name="client-both")
    assert whole.n_rows == 919
    found = client.fit(FORMULA, whole).effects()
    assert round(number(found, "AITKIN", "coefficients.(Intercept).estimate"), 7) == 1.2291388


def test_files_of_no_root_are_refused(client: Client) -> None:
    with pytest.raises(ProblemError) as error:
        client.register("nowhere", "*.parquet")
    assert error.value.pointer == "#/reference/root"


def test_a_small_table_is_fitted_without_being_kept(client: Client) -> None:
    table: dict[str, list[float | str]] = {"y": [1.0, 2.0, 3.0, 4.5], "g": ["a", "a", "b", "b"]}
    assert client.fit("y ~ 1 + (1 | g)", table).groups == {"g": 2}


def test_what_cannot_be_sent_is_refused_before(client: Client, tmp_path: Path) -> None:
    with pytest.raises(UnusableDataError, match="several kinds"):
        client.fit("y ~ x", pd.DataFrame({"y": [1, "a", None], "x": [1, 2, 3]}))
    other = tmp_path / "table.xlsx"
    other.write_bytes(b"PK")
    with pytest.raises(UnusableDataError, match=r"\.csv, \.tsv"):
        client.upload(other)


def test_a_model_is_examined_and_a_table_looked_at_without_a_trace(client: Client) -> None:
    found = client.validate("radon ~ flor + (1 | county)", "minnesota-radon")
    assert [problem.code for problem in found.problems] == ["unknown_column"]
    assert client.preview(SURVEY).n_rows == 919
    assert client.limits().max_columns > 0


def test_models_are_gone_through_page_by_page(
    client: Client, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("partialpool.calls.models.PAGE", 1)
    other = client.fit("log(radon + 0.1) ~ (1 | county)", "us-radon")
    assert {model.id, other.id} <= {each.id for each in client.models()}
    other.delete()
    assert other.id not in {each.id for each in client.models()}


def test_a_group_may_be_left_out_when_there_is_one(client: Client) -> None:
    formula = "log(radon + 0.1) ~ (1 | state) + (1 | state:county)"
    both = client.fit(formula, "us-radon")
    with pytest.raises(ValueError, match="state:county"):
        both.effects()
    assert len(both.effects("state:county")) > 400
