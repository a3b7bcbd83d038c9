#!/bin/sh
# Make a virtual environment: venv.sh PYTHON FOLDER [what to install, as uv pip install takes it]
set -eu
python=$1 folder=$2
shift 2
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
  echo "$python is not Python 3.11 or newer: say which is, for example: make test PYTHON=python3.12" >&2
  exit 1
fi
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
  # By its version: it need not be the one that Debian calls python3.
  package=$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    apt-get update -qq && apt-get install -y -qq --no-install-recommends "$package" >/dev/null
  else
    echo "$python has no venv module: install it (Debian: apt-get install $package)" >&2
    exit 1
  fi
fi
echo "making $folder (once; about 20 s)" >&2
"$python" -m venv "$folder"
# uv installs in 3 s what takes pip 30. Compiled here, once: where PYTHONDONTWRITEBYTECODE is set, every process would do it.
uv=$(sed -n 's/^uv==/==/p' constraints.txt)
PIP_ROOT_USER_ACTION=ignore "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "uv$uv"
"$folder/bin/uv" pip install --quiet --compile-bytecode --python "$folder/bin/python" "$@"
touch "$folder/ready"
