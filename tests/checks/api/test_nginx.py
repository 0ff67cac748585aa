"""The access logs of a real nginx before a real gunicorn: combined and JSON, and what never reached Django."""

import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.checks.api.conftest import Project, Serve
from tests.servers import Server, free_port, program, wait_until

CONF = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 1; {user}
events {{ worker_connections 64; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    log_format timed '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent '
                     '"$http_referer" "$http_user_agent" rt=$request_time "$gzip_ratio"';
    log_format lines escape=json '{{"time_iso8601":"$time_iso8601","request_method":"$request_method",'
        '"request_uri":"$request_uri","status":"$status","remote_addr":"$remote_addr","request_time":"$request_time",'
        '"http_user_agent":"$http_user_agent"}}';
    limit_req_zone $binary_remote_addr zone=one:1m rate=1r/m;
    limit_req_status 429;
    server {{
        listen 127.0.0.1:{port};
        access_log {folder}/combined.log; access_log {folder}/timed.log timed; access_log {folder}/json.log lines;
        location / {{ proxy_pass http://127.0.0.1:{behind}; }}
        location /orders/limited/ {{ limit_req zone=one; proxy_pass http://127.0.0.1:{behind}; }}
        location /gone/ {{ proxy_pass http://127.0.0.1:{nobody}; }}
        location /static/ {{ root {folder}; }}
    }}
}}
"""


class Nginx(Server):
    """An nginx with three logs."""

    def __init__(self, folder: Path, behind: int) -> None:
        super().__init__(folder)
        self.behind = behind

    def command(self) -> list[str]:
        values = {"folder": self.folder, "port": self.port, "behind": self.behind, "nobody": free_port()}
        conf = self.folder / "nginx.conf"
        conf.write_text(CONF.format(**values, user="user root;"))
        return [program("nginx", "nginx-light"), "-p", str(self.folder), "-c", str(conf)]

    def ready(self) -> object:
        return self.get("/static/") in {403, 404}

    def get(self, path: str, **headers: str) -> int:
        """Ask, and return the status."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code


@pytest.mark.parametrize(("name", "times"), [("combined.log", False), ("timed.log", True), ("json.log", True)])
def test_what_nginx_writes_is_what_was_asked(serve: Serve, tmp_path: Path, name: str, times: bool) -> None:
    behind = serve({}, {})
    nginx = Nginx(tmp_path / "nginx", behind.port).start()
    log = nginx.folder / name
    try:
        agent = {"User-Agent": 'strange "quoted" \\ agent'}
        statuses = [nginx.get(f"/orders/{n}/?card=4111") for n in range(120)]
        statuses += [nginx.get("/orders/7/", **agent), nginx.get("/slow/?s=0.3"), *(nginx.get("/gone/") for _ in "123")]
        statuses += [nginx.get("/orders/limited/") for _ in range(3)]
        wait_until(lambda: log.read_text().count("GET") > len(statuses), "all lines of the log", 10)
    finally:
        nginx.stop()
    assert (statuses.count(200), statuses.count(502), statuses.count(429)) == (122, 3, 2)
    setting = {"API": {"access_logs": [str(log)], "sources": ["access_logs"]}}
    run = Project(tmp_path, {}, setting).probe()
    ready = log.read_text().count("/static/")
    assert run.metrics("api.traffic")["requests_1h"] == ready + len(statuses)
    assert (run.metrics("api.errors")["server_errors_1h"], run.metrics("api.limits")["limited_1h"]) == (3, 2)
    rows: dict[str, Any] = {r["endpoint"]: r["requests"] for r in run.checks["api.traffic"]["data"]["endpoints_24h"]}
    assert rows["GET /orders/<int:number>/"] == 121 and rows["GET /slow/"] == 1
    assert "4111" not in run.out
    latency = run.metrics("api.latency")
    if times:
        assert latency["mean_1h"] == pytest.approx(0.3 / len(statuses), abs=0.02) and latency["p50_1h"] < 0.1
    else:
        assert latency["p50_1h"] is None
