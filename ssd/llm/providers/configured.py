"""The providers the settings name, in the order they are asked."""

from __future__ import annotations

from urllib.parse import urlsplit

from ssd.errors import SsdError
from ssd.llm.models import Tier
from ssd.llm.prices import Prices
from ssd.llm.providers.anthropic import Anthropic
from ssd.llm.providers.openai import OpenAi
from ssd.llm.providers.protocol import Provider
from ssd.settings import LlmProvider, Secret, Settings


def configured_providers(settings: Settings, prices: Prices) -> list[Provider]:
    """None, one, or one and its fallback.

    Raises SETTINGS_INVALID when a key, address or model is missing, LLM_MODEL_UNPRICED for a model without
    a price.
    """
    providers: list[Provider] = []
    if settings.llm_provider != "none":
        small = settings.llm_model_small or settings.llm_model
        models: dict[Tier, str] = {"standard": settings.llm_model, "small": small}
        made = _provider("SS_LLM", settings, settings.llm_provider, settings.llm_base_url, settings.llm_api_key, models)
        providers.append(made)
    if settings.llm_fallback_provider != "none":
        if not providers:
            raise SsdError("SETTINGS_INVALID", "SS_LLM_FALLBACK_PROVIDER is set, but SS_LLM_PROVIDER is none.")
        if settings.llm_fallback_model is None:
            raise SsdError("SETTINGS_INVALID", "SS_LLM_FALLBACK_MODEL must name the model of the second provider.")
        model = settings.llm_fallback_model
        providers.append(
            _provider(
                "SS_LLM_FALLBACK",
                settings,
                settings.llm_fallback_provider,
                settings.llm_fallback_base_url,
                settings.llm_fallback_api_key,
                {"standard": model, "small": model},
            )
        )
        if providers[0].name == providers[1].name:
            raise SsdError("SETTINGS_INVALID", "SS_LLM_FALLBACK_PROVIDER must be another than SS_LLM_PROVIDER.")
    for provider in providers:
        prices.of(provider.model("standard"))
        prices.of(provider.model("small"))
    return providers


def _provider(
    prefix: str,
    settings: Settings,
    name: LlmProvider,
    base_url: str | None,
    key: Secret | None,
    models: dict[Tier, str],
) -> Provider:
    if key is None or not key.reveal().strip():
        raise SsdError("SETTINGS_INVALID", f"{prefix}_API_KEY is needed for the provider {name}.")
    secret = key.reveal().strip()
    if not secret.isascii() or not secret.isprintable() or " " in secret:
        # A key that is no header value would be quoted by the HTTP client's own error.
        raise SsdError("SETTINGS_INVALID", f"{prefix}_API_KEY holds characters that no key has.")
    if base_url is None and name in ("openai_compatible", "yunwu"):
        raise SsdError("SETTINGS_INVALID", f"{prefix}_BASE_URL is needed for the provider {name}.")
    if base_url is not None and not _is_address(base_url):
        raise SsdError("SETTINGS_INVALID", f"{prefix}_BASE_URL must be an address such as https://host/v1.")
    if name == "anthropic":
        return Anthropic(name, base_url, secret, models, settings.llm_temperature)
    return OpenAi(name, base_url, secret, models, settings.llm_temperature, settings.llm_seed)


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
