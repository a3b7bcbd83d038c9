"""Configurations as people write them: of the Helm chart, with accounts, as JSON, with an operator, with variables."""

from __future__ import annotations

from tests.unit.real_configs import Configuration

HELM = """\
# NATS Clients Port
port: 4222
# PID file shared with configuration reloader.
pid_file: "/var/run/nats/nats.pid"
http: 8222
server_name:$POD_NAME
server_tags: [ "az:$AZ", 'x' ]
jetstream {
  max_mem: 1Gi
  store_dir: /data
  max_file:10Gi
  unique_tag: "az:"
}
cluster {
  name: nats
  no_advertise: true
  port: 6222
  routes = [
    nats://nats-0.nats-headless:6222,nats://nats-1.nats-headless:6222,
    nats://nats-2.nats-headless:6222,
  ]
  connect_retries: 120
}
include 'auth.conf';
lame_duck_grace_period: 10s
lame_duck_duration: 30s
"""
AUTH = """\
system_account: SYS // of the operator
accounts: {
  SYS: { users = [ {user: admin, password: $2a$11$1YS9fuv1fnZ8gl0yKjvuQeE2.Xvlr3k5ZbW.6Nh6yNVFpPmUjmLDq } ] },
  "team one" {
    jetstream: enabled
    users: [
      { nkey: UC6NLCN7AS34YOJVCYD4PJ3QB7QGLYG5B5IMBT25VW5K4TNUJODM7BOX }
      { user: b, pass: x(y{z[w"v, permissions: { publish: { allow: ["a.>", b.*.c], deny: q }, allow_responses: true } }  # b
    ]
    exports = [ { service: "req.>", accounts: ["team one"] }, { stream: public.> } ]
  }
}
default_permissions = { publish = "SANDBOX.*", subscribe = ["PUBLIC.>", "_INBOX.>"] }
"""
JSON = """\
{
  "server_name": "n1", "port": 4222, "debug": false, "max_payload": 1048576, "lame_duck_duration": "8m",
  "cluster": { "name": "lab", "routes": ["nats://10.0.0.1:6222", "nats://[::1]:6222"], "pool_size": -1 },
  "leafnodes": { "remotes": [ { "url": "tls://hub:7422", "credentials": "/etc/nats/leaf.creds" } ] }, "empty": {}, "none": [ ]
}
"""
OPERATOR = """\
listen = 0.0.0.0:4222
log_file: /var/log/nats(1).log
tls: { cert_file: "./certs/server.pem", key_file: './certs/key.pem', verify: YES, rate: 2.5, cipher_suites: [
  "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
] }
operator: (
eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.{"(}
)
resolver_preload: {
  AD: eyJ0eXAiOiJKV1Qi.e30.x-_y
  AB: eyJ0
}
mqtt { port: 1883, ack_wait: "1m", tls {} } ; websocket { port: 443; no_tls: true; same_origin: off }
write_deadline: "2s"
max_connections: 64K
max_pending = 256MB
limits_at: 2026-12-01T10:00:00Z
"""
VARIABLES = """\
TOKEN: "s3$cret"
LIMITS { max_payload: 1KB
         subs: -1 }
authorization { token: $TOKEN, within: $WITHIN }
a $LIMITS
b: [ $TOKEN, $LIMITS, $LIST ]
lame_duck_duration: $LD
PATH_: $HOME_
inner { TOKEN: nearer, x: $TOKEN, deeper { y = $TOKEN, z: $LD } }
"""
ENVIRONMENT = {
    "POD_NAME": "nats-0",
    "WITHIN": "0.5",
    "LD": '"45s"',
    "LIST": "[a, 'b']",
    "HOME_": "$OTHER",
    "OTHER": "/srv/nats # here",
    "BLOCK": "{x: 1, y: yes}",
}
WILD = {
    "helm": Configuration.of(HELM, ENVIRONMENT, auth=AUTH),
    "helm with CRLF": Configuration.of(HELM.replace("\n", "\r\n"), ENVIRONMENT, auth=AUTH.replace("\n", "\r\n")),
    "accounts": Configuration.of(AUTH),
    "JSON": Configuration.of(JSON),
    "operator": Configuration.of(OPERATOR),
    "variables": Configuration.of(VARIABLES, ENVIRONMENT),
}
