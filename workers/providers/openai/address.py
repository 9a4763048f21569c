"""Address of a call: the path and the model's name at each provider of OpenAI's dialect."""

from workers.providers.base.provider_request import ProviderRequest


def openai_wire_model(request: ProviderRequest) -> str:
    """The model as the provider calls it."""
    return request.deployment.wire_model or request.deployment.model


def wire_path(request: ProviderRequest, operation: str, address: str = "") -> str:
    """Azure OpenAI names the deployment in the path; Foundry and Azure's v1 surface don't.

    address: where the call goes, if the environment says it in the deployment's place.
    """
    version = request.deployment.api_version
    if version is None:
        return f"/{operation}"
    if (address or request.deployment.base_url or "").rstrip("/").endswith("/models"):
        return f"/{operation}?api-version={version}"
    deployment = openai_wire_model(request)
    return f"/openai/deployments/{deployment}/{operation}?api-version={version}"
