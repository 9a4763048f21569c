"""A real API server: kube-apiserver and etcd on the loopback interface, asked by dry run.

The server applies defaults, validates every field, and holds pods to the restricted Pod Security
Standard of their namespace; nothing is scheduled, as there is no node. Prometheus' operator's kinds
are left out: its definitions are in no module.
"""

import json
import secrets
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import yaml

from dev.go_programs import API_SERVER, ETCD, program
from dev.kubernetes.chart import NAMESPACE, Manifest, label
from dev.kubernetes.policy import pod_of
from dev.kubernetes.schemas import NO_SCHEMA, crd_files
from dev.processes import Server, free_port

_START_S: Final = 120.0
_APPLY: Final = "application/apply-patch+yaml"
_RESTRICTED: Final = {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
        "name": NAMESPACE,
        "labels": {
            "pod-security.kubernetes.io/enforce": "restricted",
            "pod-security.kubernetes.io/enforce-version": "latest",
        },
    },
}


@dataclass(frozen=True, slots=True)
class ApiServer:
    """A running one. token: of a user who may do anything."""

    address: str
    token: str
    trust: ssl.SSLContext

    def refusal(self, manifest: Manifest, *, dry: bool) -> str | None:
        """The server's words against it, server-side applied; None if it takes it."""
        query = (
            f"fieldManager=chart&force=true&fieldValidation=Strict{'&dryRun=All' if dry else ''}"
        )
        path = f"{self._path(manifest)}/{manifest['metadata']['name']}?{query}"
        try:
            self._ask("PATCH", path, yaml.safe_dump(dict(manifest)).encode(), _APPLY)
        except HTTPError as error:
            message: str = json.load(error)["message"]
            return message
        return None

    def ready(self) -> bool:
        """Whether it serves, all its parts included."""
        try:
            self._ask("GET", "/readyz")
        except (HTTPError, URLError, ConnectionError):
            return False
        return True

    def serves(self, manifest: Manifest) -> bool:
        """Whether it knows the kind."""
        try:
            self._path(manifest)
        except (LookupError, HTTPError):
            return False
        return True

    def _path(self, manifest: Manifest) -> str:
        version = manifest["apiVersion"]
        root = f"/apis/{version}" if "/" in version else f"/api/{version}"
        for resource in json.loads(self._ask("GET", root))["resources"]:
            if resource["kind"] == manifest["kind"] and "/" not in resource["name"]:
                inside = f"/namespaces/{NAMESPACE}" if resource["namespaced"] else ""
                return f"{root}{inside}/{resource['name']}"
        raise LookupError(f"{version} has no {manifest['kind']}")

    def _ask(self, method: str, path: str, body: bytes | None = None, kind: str = "") -> bytes:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        request = Request(f"{self.address}{path}", body, headers, method=method)  # noqa: S310 ours
        with urlopen(request, timeout=30, context=self.trust) as answer:  # noqa: S310 ours
            content: bytes = answer.read()
        return content


def dry_run(server: ApiServer, manifests: Sequence[Manifest]) -> Iterator[str]:
    """What the server has against each of them, and against each workload's pods alone."""
    for manifest in (m for m in manifests if not _of_no_module(m)):
        answer = server.refusal(manifest, dry=True)
        if answer is not None:
            yield f"{label(manifest)}: {answer}"
        template = pod_of(manifest)
        if template is None:
            continue
        answer = server.refusal(_pod(template), dry=True)
        if answer is not None:
            yield f"{label(manifest)}'s pod: {answer}"
        if server.refusal(_pod({**template, "hostNetwork": True}), dry=True) is None:
            yield f"{label(manifest)}'s pod: its host's network wasn't refused: is the policy on?"


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """With the chart's namespace, and the definitions of KEDA's and External Secrets' kinds."""
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = _started(Path(folder), stack)
        _await(server.ready)
        for crd in (yaml.safe_load(path.read_text(encoding="utf-8")) for path in crd_files()):
            _taken(server, crd)
            for version in crd["spec"]["versions"]:
                kind = crd["spec"]["names"]["kind"]
                of_kind = {"apiVersion": f"{crd['spec']['group']}/{version['name']}", "kind": kind}
                _await(lambda wanted=of_kind: server.serves(wanted))  # type: ignore[misc]
        _taken(server, _RESTRICTED)
        yield server


def _started(folder: Path, stack: ExitStack) -> ApiServer:
    etcd = _etcd(folder)
    etcd.start()
    stack.callback(etcd.kill)
    key, token, port = folder / "accounts.key", secrets.token_hex(16), free_port()
    subprocess.run(
        ["openssl", "genrsa", "-out", str(key), "2048"],  # noqa: S607 on the PATH
        check=True,
        capture_output=True,
    )
    (folder / "tokens.csv").write_text(f"{token},admin,admin,system:masters\n")
    options = {
        "etcd-servers": f"http://127.0.0.1:{etcd.port}",
        "bind-address": "127.0.0.1",
        "secure-port": str(port),
        "cert-dir": str(folder / "certificates"),
        "service-account-issuer": "https://localhost",
        "service-account-key-file": str(key),
        "service-account-signing-key-file": str(key),
        "service-cluster-ip-range": "10.0.0.0/24",
        "token-auth-file": str(folder / "tokens.csv"),
        # no controller makes a namespace's account
        "disable-admission-plugins": "ServiceAccount",
    }
    argv = [str(program(API_SERVER)), *(f"--{name}={value}" for name, value in options.items())]
    server = Server("kube-apiserver", argv, folder / "kube-apiserver.log", {}, port=port)
    server.ready_within_s = _START_S
    server.start()
    stack.callback(server.kill)
    trust = ssl.create_default_context(cafile=str(folder / "certificates" / "apiserver.crt"))
    trust.check_hostname = False  # it names other addresses of this machine
    return ApiServer(f"https://127.0.0.1:{port}", token, trust)


def _etcd(folder: Path) -> Server:
    port, peers = free_port(), free_port()
    options = {
        "data-dir": str(folder / "etcd"),
        "listen-client-urls": f"http://127.0.0.1:{port}",
        "advertise-client-urls": f"http://127.0.0.1:{port}",
        "listen-peer-urls": f"http://127.0.0.1:{peers}",
        "initial-advertise-peer-urls": f"http://127.0.0.1:{peers}",
        "initial-cluster": f"default=http://127.0.0.1:{peers}",
        "unsafe-no-fsync": "true",
    }
    argv = [str(program(ETCD)), *(f"--{name}={value}" for name, value in options.items())]
    return Server("etcd", argv, folder / "etcd.log", {}, port=port)


def _await(there: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + _START_S
    while not there():
        if time.monotonic() > give_up_at:
            raise TimeoutError("the API server isn't ready")
        time.sleep(0.1)


def _taken(server: ApiServer, manifest: Manifest) -> None:
    """Applied for good; its kind may be known a moment later than the server is ready."""
    refused = server.refusal(manifest, dry=False)
    if refused is not None:
        raise RuntimeError(f"{label(manifest)}: {refused}")


def _of_no_module(manifest: Manifest) -> bool:
    return manifest["apiVersion"].partition("/")[0] in NO_SCHEMA


def _pod(spec: Manifest) -> Manifest:
    """A workload is only warned of what its pods may not: a pod alone is refused."""
    whole = {"restartPolicy": "Always", **spec}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "trial"}, "spec": whole}
