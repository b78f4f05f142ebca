"""The steps of a plan: a look at the data, the main analysis, and a check or two of its robustness."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ssd.drafts.models import Draft
from ssd.drafts.quality import used_columns
from ssd.inputs.models import Dataset, DatasetProfile
from ssd.llm.operations.plan_generate import SkeletonStep
from ssd.plans.binding import ROLE_FIELDS, bind
from ssd.plans.models import (
    DeclaredOutput,
    OutputsContract,
    ParamsContract,
    PlanStep,
    Skipped,
    StepParams,
    StepProposal,
    StepType,
    TemplateContract,
)
from ssd.templates.library import Library
from ssd.templates.models import Robustness, Template
from ssd.templates.rendering import RenderContext

OVERVIEW: Final = "descriptive.overview"
MOST_ROBUSTNESS: Final = 2
CONTRACT_VERSION: Final = 1
FILE_NAMES: Final = "lower-case letters, digits, dot, underscore and hyphen; no folders"
_MAIN_TYPES: Final[dict[str, StepType]] = {"descriptive": "descriptive_stats"}


class Pipeline(msgspec.Struct, frozen=True):
    """Steps with the exact do-file of each, and what was left out."""

    steps: list[PlanStep]
    do_files: dict[str, str]
    skipped: list[Skipped]
    outputs: OutputsContract


class Stage(msgspec.Struct, frozen=True):
    """A step that can be made, not rendered yet."""

    step_id: str
    type: StepType
    purpose: str
    template: Template
    params: dict[str, Any]
    depends_on: list[str]


class PipelineBuilder:
    """Builds the steps of one plan."""

    def __init__(self, library: Library, draft: Draft, dataset: Dataset, *, timeout_seconds: float) -> None:
        self._library = library
        self._draft = draft
        self._dataset = dataset
        self._profile: DatasetProfile = dataset.profile
        self._timeout = timeout_seconds

    def build(self, main: Template, params: dict[str, Any], overrides: dict[str, Any]) -> Pipeline:
        """`params` are the checked values of the main template; `overrides` those a person set by name.

        Raises TEMPLATE_RENDER_FAILED.
        """
        return self.rendered(*self.stages(main, params, overrides))

    def stages(
        self,
        main: Template,
        params: dict[str, Any],
        overrides: dict[str, Any],
        *,
        most: int = MOST_ROBUSTNESS,
    ) -> tuple[list[Stage], list[Skipped]]:
        """The steps that can be made, with at most `most` checks of robustness, and what was left out."""
        skipped = self._unplaced(main)
        stages = self._overview(main, overrides, skipped)
        before = [stage.step_id for stage in stages]
        purpose = f"Main analysis: {main.title.en}"
        stages.append(Stage("main", _MAIN_TYPES.get(main.design, "main_regression"), purpose, main, params, before))
        stages += self._robustness(main, params, overrides, skipped, most)
        return stages, skipped

    def rendered(self, stages: list[Stage], skipped: list[Skipped]) -> Pipeline:
        """Raises TEMPLATE_RENDER_FAILED."""
        steps, do_files = [], {}
        for position, stage in enumerate(stages, 1):
            do_files[stage.step_id] = self._render(stage)
            steps.append(self._step(stage, position))
        return Pipeline(steps, do_files, skipped, _plan_outputs(steps))

    def _overview(self, main: Template, overrides: dict[str, Any], skipped: list[Skipped]) -> list[Stage]:
        """The same rows as the main analysis, described before it."""
        if main.id == OVERVIEW:
            return []
        if all(template.id != OVERVIEW for template in self._library.templates):
            skipped.append(Skipped(OVERVIEW, "the library has no such template"))
            return []
        template = self._library.get(OVERVIEW)
        names = used_columns(self._draft)
        own = {parameter.name for parameter in template.parameters}
        params: dict[str, Any] = {name: value for name, value in overrides.items() if name in own}
        if names:
            params["variables"] = names
        problems = self._library.check_binding(template, params, self._profile)
        if problems:
            skipped.append(Skipped(OVERVIEW, "; ".join(problem.message for problem in problems)))
            return []
        return [Stage("overview", "descriptive_stats", "Overview of the data", template, params, [])]

    def _robustness(
        self,
        main: Template,
        main_params: dict[str, Any],
        overrides: dict[str, Any],
        skipped: list[Skipped],
        most: int,
    ) -> list[Stage]:
        stages: list[Stage] = []
        for entry in main.robustness:
            reason = self._refusal(main, main_params, entry)
            if reason is None and len(stages) == most:
                reason = f"a plan makes at most {most} robustness checks"
            if reason is None:
                template = self._library.get(entry.template_id)
                own = {parameter.name for parameter in template.parameters}
                shared = {name: value for name, value in overrides.items() if name in own}
                binding = bind(self._library, template, self._robust_draft(main), self._profile, shared, entry.params)
                reason = "; ".join(problem.message for problem in binding.problems) or None
            if reason is not None:
                skipped.append(Skipped(f"robustness: {entry.purpose or entry.template_id}", reason))
                continue
            step_id = f"robustness_{len(stages) + 1}"
            stages.append(Stage(step_id, "robustness_check", entry.purpose, template, binding.params, ["main"]))
        return stages

    def _refusal(self, main: Template, main_params: dict[str, Any], entry: Robustness) -> str | None:
        """Why a robustness check makes no sense here, or None."""
        if all(template.id != entry.template_id for template in self._library.templates):
            return f"the library has no template {entry.template_id}"
        if "vce" in entry.params and main_params.get("cluster"):
            return "standard errors are clustered"
        if entry.template_id == main.id:
            values = self._library.normalize(main, main_params, self._profile)
            if all(values.get(name) == value for name, value in entry.params.items()):
                return "it would repeat the main analysis"
        return None

    def _robust_draft(self, main: Template) -> Draft:
        """Pooled checks of a panel leave the effects of units out: that is what they check."""
        if any(parameter.role == "entity" for parameter in main.parameters):
            return msgspec.structs.replace(self._draft, fixed_effects=[])
        return self._draft

    def _unplaced(self, main: Template) -> list[Skipped]:
        left = bind(self._library, main, self._draft, self._profile).unplaced
        return [Skipped(item.field, f"{main.id} has no parameter for it: {', '.join(item.names)}") for item in left]

    def _render(self, stage: Stage) -> str:
        context = RenderContext(dataset_name=self._dataset.original_name, dataset_sha256=self._dataset.sha256)
        rendered = self._library.render(stage.template.id, stage.params, profile=self._profile, context=context)
        return rendered.text

    def _step(self, stage: Stage, position: int) -> PlanStep:
        template = stage.template
        values = self._library.normalize(template, stage.params, self._profile)
        return PlanStep(
            step_id=stage.step_id,
            type=stage.type,
            purpose=stage.purpose,
            template_id=template.id,
            template_version=template.version,
            template_sha256=self._library.sha256(template.id),
            depends_on=stage.depends_on,
            produces=[output.file for output in template.outputs],
            timeout_seconds=self._timeout,
            params=StepParams(
                template_id=template.id,
                template_params=values,
                template_contract=_contract(template, values, f"runs/{{run_id}}/{position:02d}_{stage.step_id}"),
                input_bindings={"primary_dataset": f"input:{self._dataset.dataset_key}"},
                analysis_spec=draft_roles(self._draft),
            ),
        )


def skeleton(stages: list[Stage]) -> list[SkeletonStep]:
    """The steps as the model may choose among them: what describes the data and what answers the question stays."""
    return [
        SkeletonStep(s.step_id, s.type, s.purpose, s.template.id, required=s.type != "robustness_check") for s in stages
    ]


def chosen(stages: list[Stage], skipped: list[Skipped], proposal: StepProposal) -> tuple[list[Stage], list[Skipped]]:
    """The stages the model chose; without a proposal of its own the first checks, as the rules would have it."""
    if proposal.steps:
        kept = [stage for stage in stages if stage.step_id in proposal.steps]
        reason = "the planner left it out: it adds little to this question"
    else:
        robust = [stage for stage in stages if stage.type == "robustness_check"][MOST_ROBUSTNESS:]
        kept = [stage for stage in stages if stage not in robust]
        reason = f"a plan makes at most {MOST_ROBUSTNESS} robustness checks"
    left = [
        Skipped(f"robustness: {stage.purpose or stage.template.id}", reason) for stage in stages if stage not in kept
    ]
    return kept, [*skipped, *left]


def draft_roles(draft: Draft) -> dict[str, Any]:
    """Everything of a draft that decides an analysis."""
    roles = {field: getattr(draft, field) for field in ROLE_FIELDS.values()}
    return {
        "design": draft.design,
        **roles,
        "interaction_terms": draft.interaction_terms,
        "method": draft.method,
    }


def _contract(template: Template, values: dict[str, Any], folder: str) -> TemplateContract:
    required = [parameter.name for parameter in template.parameters if parameter.required]
    return TemplateContract(
        template_id=template.id,
        meta_contract_version=CONTRACT_VERSION,
        meta_template_version=template.version,
        params_contract=ParamsContract(
            required=required,
            optional=[parameter.name for parameter in template.parameters if not parameter.required],
            bound_values=values,
            missing_required=[],
        ),
        dependencies=template.dependencies,
        outputs_contract=OutputsContract(_declared(template), folder, FILE_NAMES),
    )


def _declared(template: Template, folder: str = "") -> list[DeclaredOutput]:
    return [
        DeclaredOutput(folder + output.file, output.type, output.description, output.required, output.title.en)
        for output in template.outputs
    ]


def _plan_outputs(steps: list[PlanStep]) -> OutputsContract:
    declared = [
        msgspec.structs.replace(output, file=f"{position:02d}_{step.step_id}/{output.file}")
        for position, step in enumerate(steps, 1)
        for output in step.params.template_contract.outputs_contract.declared
    ]
    return OutputsContract(declared, "runs/{run_id}", FILE_NAMES)
