"""The library as clients may show it. No authentication: it holds nothing of anybody's."""

from __future__ import annotations

from typing import Annotated

import msgspec
from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import FromPath, QueryParameter

from ssd.templates.library import Library
from ssd.templates.models import Dependency, Family, InputNeed, Output, Parameter, Robustness, Template, Text


class TemplateSummary(msgspec.Struct, frozen=True):
    """One line of the list."""

    template_id: str
    version: str
    title: Text
    summary: Text
    family: str
    design: str
    data_shape: str
    tags: list[str]


class TemplateList(msgspec.Struct, frozen=True):
    templates: list[TemplateSummary]


class TemplateDetail(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a client needs to offer a template."""

    template_id: str
    version: str
    sha256: str
    title: Text
    summary: Text
    family: str
    design: str
    use_when: str
    assumptions: list[str]
    estimand: str
    data_shape: str
    stata_version: int
    tags: list[str]
    covers: list[str]
    parameters: list[Parameter]
    dependencies: list[Dependency]
    inputs: list[InputNeed]
    outputs: list[Output]
    robustness: list[Robustness]


class FamilySummary(msgspec.Struct, frozen=True):
    family_id: str
    title: Text
    keywords: list[str]
    use_when: str
    template_ids: list[str]


class FamilyList(msgspec.Struct, frozen=True):
    families: list[FamilySummary]


class TemplateController(Controller):
    path = "/v1"
    tags = ("templates",)

    @get("/templates", summary="Templates, by family or words")
    async def list_templates(
        self,
        library: NamedDependency[Library],
        family: Annotated[str | None, QueryParameter(max_length=64)] = None,
        q: Annotated[str | None, QueryParameter(max_length=400)] = None,
    ) -> TemplateList:
        """With `q` the best match comes first; without, the order of ids."""
        found = [template for template, _ in library.search(q, limit=200)] if q else library.templates
        return TemplateList([_summary(item) for item in found if family is None or item.family == family])

    @get("/templates/{template_id:str}", summary="One template")
    async def get_template(self, library: NamedDependency[Library], template_id: FromPath[str]) -> TemplateDetail:
        """404 TEMPLATE_NOT_FOUND for an id the library does not have."""
        template = library.get(template_id)
        return TemplateDetail(
            template_id=template.id,
            version=template.version,
            sha256=library.sha256(template.id),
            title=template.title,
            summary=template.summary,
            family=template.family,
            design=template.design,
            use_when=template.use_when,
            assumptions=template.assumptions,
            estimand=template.estimand,
            data_shape=template.data_shape,
            stata_version=template.stata_version,
            tags=template.tags,
            covers=template.covers,
            parameters=template.parameters,
            dependencies=template.dependencies,
            inputs=template.inputs,
            outputs=template.outputs,
            robustness=template.robustness,
        )

    @get("/families", summary="Families of methods")
    async def list_families(self, library: NamedDependency[Library]) -> FamilyList:
        return FamilyList([_family_summary(family, library) for family in library.families])


def _summary(template: Template) -> TemplateSummary:
    return TemplateSummary(
        template_id=template.id,
        version=template.version,
        title=template.title,
        summary=template.summary,
        family=template.family,
        design=template.design,
        data_shape=template.data_shape,
        tags=template.tags,
    )


def _family_summary(family: Family, library: Library) -> FamilySummary:
    ids = [template.id for template in library.templates if template.family == family.id]
    return FamilySummary(family.id, family.title, family.keywords, family.use_when, ids)
