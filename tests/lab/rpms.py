"""RPMs of real servers, made on a machine of the lab, and a repository of them there that dnf reads.

Their scripts restart the service after an upgrade, at once and without a drain, in both ways that packages have had: by name, and
by a mark on the unit, upon which systemd's own script acts at the end of the transaction.
"""

from __future__ import annotations

from tests.lab.binaries import server_binary
from tests.lab.containers import ContainerCluster
from tests.lab.docker import docker
from tests.lab.machine import BINARY, CONFIG, SHIPPED, UNIT, UNIT_FOLDER

NAME = "nats-server"
REPOSITORY, MADE = "/srv/rpm", "/root/rpm"
BUILD_SECONDS = 300.0
# Debian has no package for /bin/sh that dnf would know; it is also what the server's package needs in its own version.
NEEDED = """Name: lab-shell
Version: %{upstream}
Release: 1
Summary: What packages of the lab need
License: Apache-2.0
BuildArch: noarch
Provides: /bin/sh
%description
%files
"""
# $1 is how many packages of this name are installed then.
SPEC = f"""Name: {NAME}
Version: %{{upstream}}
Release: 1.lab
Summary: NATS server, packed for tests
License: Apache-2.0
AutoReqProv: no
Requires: lab-shell >= %{{upstream}}
%description
%install
install -D -m 0755 {MADE}/%{{upstream}} %{{buildroot}}{BINARY}
install -D -m 0644 {MADE}/{UNIT} %{{buildroot}}/usr/lib/systemd/system/{UNIT}
install -d %{{buildroot}}/etc
echo "listen: 127.0.0.1:4222 # Shipped with %{{upstream}}" > %{{buildroot}}{CONFIG}
%post
systemctl daemon-reload || :
%postun
if [ $1 -ge 1 ]; then
  systemctl set-property {UNIT} Markers=+needs-restart || :
  systemctl try-restart {UNIT} || :
fi
%posttrans
systemctl reload-or-restart --marked || :
%files
{BINARY}
/usr/lib/systemd/system/{UNIT}
%config(noreplace) {CONFIG}
"""
MAKE = f"""
mkdir -p /etc/rpm /etc/yum.repos.d {REPOSITORY}
echo '%_dbpath /var/lib/rpm' > /etc/rpm/macros
printf '[lab]\\nname=lab\\nbaseurl=file://{REPOSITORY}\\ngpgcheck=0\\n' > /etc/yum.repos.d/lab.repo
for version in @VERSIONS@; do
  for spec in needed server; do
    rpmbuild -bb --quiet --define "upstream $version" --define '_rpmdir {REPOSITORY}' --define '_binary_payload w1.gzdio' \\
      --define '_build_id_links none' --define '__os_install_post %{{nil}}' --define 'debug_package %{{nil}}' {MADE}/$spec.spec
  done
done
createrepo_c --quiet {REPOSITORY}
"""


def repository(cluster: ContainerCluster, name: str, *versions: str) -> None:
    """Make packages of these versions on the machine, and have dnf know them. The machine has to have more_packages."""
    container = cluster.nodes[name].container
    cluster.shell(name, f"mkdir {MADE}")
    for version in versions:
        docker("cp", str(server_binary(version)), f"{container}:{MADE}/{version}")
    for file, text in {"needed.spec": NEEDED, "server.spec": SPEC, UNIT: SHIPPED}.items():
        done = cluster.exec(name, "tee", f"{MADE}/{file}", stdin=text)
        assert done.returncode == 0, done.stderr
    made = cluster.exec(name, "sh", "-e", "-c", MAKE.replace("@VERSIONS@", " ".join(versions)), timeout_seconds=BUILD_SECONDS)
    assert made.returncode == 0, made.stderr


def install(cluster: ContainerCluster, name: str, version: str) -> None:
    """Have the server of the machine come from its package, with the unit in it and the configuration that was there."""
    packages = f"{NAME}-{version} lab-shell-{version}"
    cluster.shell(name, f"rm {UNIT_FOLDER}/{UNIT}; dnf --assumeyes --quiet install {packages}; systemctl restart {UNIT}")
