"""The library as the rest of the service sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ssd.errors import SsdError
from ssd.inputs.models import DatasetProfile
from ssd.templates import parameters
from ssd.templates.index import Index, make_index, read_index
from ssd.templates.loader import SOURCE_NAME
from ssd.templates.models import BindingProblem, Family, Parameter, Template
from ssd.templates.rendering import RenderContext, RenderedDo, environment, render
from ssd.templates.search import TextIndex, family_text, template_text


def default_folder() -> Path:
    """The library shipped with ssd: inside the installed package, else beside it in the source tree."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "_library"
    return installed if installed.is_dir() else package.parent / "library"


class Library:
    """All templates and families, checked. Immutable after loading; safe to share."""

    def __init__(self, folder: Path, index: Index, *, index_is_current: bool) -> None:
        self.folder = folder
        self.index_is_current = index_is_current
        """Whether index.json on disk agrees with the sources; readiness reports it."""
        self.families: list[Family] = index.families
        self.templates: list[Template] = [entry.template for entry in index.entries]
        self._by_id = {template.id: template for template in self.templates}
        self._hashes = {entry.template.id: entry.sha256 for entry in index.entries}
        self.environment = environment(folder)
        self._text_index: TextIndex | None = None
        self._family_index: TextIndex | None = None

    @classmethod
    def load(cls, folder: Path | None = None) -> Library:
        """From index.json when it agrees with the sources (hashes compared), else from the sources themselves.
        Raises LIBRARY_INVALID with file and field."""
        place = folder or default_folder()
        stored = read_index(place)
        return cls(place, stored or make_index(place), index_is_current=stored is not None)

    def get(self, template_id: str) -> Template:
        """Raises TEMPLATE_NOT_FOUND."""
        template = self._by_id.get(template_id)
        if template is None:
            raise SsdError("TEMPLATE_NOT_FOUND", f"There is no template {template_id}.", template_id=template_id)
        return template

    def family(self, family_id: str) -> Family | None:
        return next((family for family in self.families if family.id == family_id), None)

    def sha256(self, template_id: str) -> str:
        """Hash of the template, its metadata and the partials."""
        return self._hashes[self.get(template_id).id]

    def source_name(self, template_id: str) -> str:
        """Path of template.do below the library folder, as it appears in line maps."""
        return f"{self.get(template_id).id.replace('.', '/')}/{SOURCE_NAME}"

    def check_binding(
        self, template: Template, params: dict[str, Any], profile: DatasetProfile | None
    ) -> list[BindingProblem]:
        """What is wrong with the values; empty when they can be rendered."""
        return parameters.check_binding(template, params, profile)

    def normalize(
        self, template: Template, params: dict[str, Any], profile: DatasetProfile | None = None
    ) -> dict[str, Any]:
        """Every parameter with its value: defaults filled, typed, headers replaced by Stata names."""
        return parameters.normalize(template, params, profile)

    def candidates(self, parameter: Parameter, profile: DatasetProfile) -> list[str]:
        """Variables of the data that could fill the parameter."""
        return parameters.candidates(parameter, profile)

    def render(
        self,
        template_id: str,
        params: dict[str, Any],
        *,
        profile: DatasetProfile,
        context: RenderContext | None = None,
    ) -> RenderedDo:
        """The do-file. Values are checked again here: nothing unchecked is ever rendered.
        Raises TEMPLATE_NOT_FOUND and TEMPLATE_RENDER_FAILED (with `problems`)."""
        template = self.get(template_id)
        problems = self.check_binding(template, params, profile)
        if problems:
            raise SsdError(
                "TEMPLATE_RENDER_FAILED",
                f"{template_id}: " + "; ".join(f"{item.param}: {item.message}" for item in problems),
                template_id=template_id,
                problems=[{"param": item.param, "code": item.code, "message": item.message} for item in problems],
            )
        return render(
            self.environment,
            template,
            self.source_name(template_id),
            values=self.normalize(template, params, profile),
            profile=profile,
            context=context or RenderContext(),
        )

    def search(self, text: str, limit: int = 20) -> list[tuple[Template, float]]:
        """Templates by BM25 over titles, tags and use_when in both languages, best first; only those that match."""
        if self._text_index is None:
            self._text_index = TextIndex({item.id: template_text(item) for item in self.templates})
        return [(self._by_id[key], score) for key, score in self._text_index.search(text)[:limit]]

    def search_families(self, text: str, limit: int = 28) -> list[tuple[Family, float]]:
        """Families by BM25 over titles, keywords and use_when."""
        if self._family_index is None:
            self._family_index = TextIndex({item.id: family_text(item) for item in self.families})
        by_id = {family.id: family for family in self.families}
        return [(by_id[key], score) for key, score in self._family_index.search(text)[:limit]]
