#!/bin/sh
# Make a virtual environment with all that development needs, each file of it with a known hash: venv.sh PYTHON FOLDER
set -eu
python=$1 folder=$2 lock=lock/development.txt
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
awk '/^uv==/ { found = 1 } found { print } found && !/\\$/ { exit }' "$lock" >"$folder/uv.txt"
PIP_ROOT_USER_ACTION=ignore "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
  -r lock/build.txt -r "$folder/uv.txt"
# What builds packages is here already: an environment of its own would be filled without hashes.
"$folder/bin/uv" pip install --quiet --compile-bytecode --python "$folder/bin/python" --no-build-isolation \
  --require-hashes -r "$lock"
touch "$folder/ready"
