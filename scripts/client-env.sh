# The Python and Node packages of the client suites, installed under target/test-env. Sourced by ./test.
# An environment is kept as long as the files it was made from have not changed.

client_env="$root/target/test-env"

# Runs the commands `make` unless `dir` was made from the very same inputs before.
# usage: made_from DIR INPUTS MAKE...
made_from() {
  local dir="$1" stamp
  stamp="$(sha256sum <<<"$2" | cut -d' ' -f1)"
  shift 2
  if [[ ! -f "$dir/.made-from" || "$(<"$dir/.made-from")" != "$stamp" ]]; then
    rm -rf "$dir"
    mkdir -p "$dir"
    "$@" "$dir"
    echo "$stamp" >"$dir/.made-from"
  fi
}

python_env() {
  made_from "$client_env/py" "$(python3 --version; cat "$root/tests/clients/python/requirements.txt")" make_python_env
}

make_python_env() {
  echo "setting up the Python client packages"
  # Debian keeps this module in a package of its own.
  python3 -c 'import ensurepip' 2>/dev/null || install_debian python3-venv
  python3 -m venv "$1"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check -r "$root/tests/clients/python/requirements.txt"
}

node_env() {
  need node 'Node.js'
  need npm 'npm'
  made_from "$client_env/node" "$(cat "$root"/tests/clients/node/package*.json)" make_node_env
}

make_node_env() {
  echo "setting up the Node client packages"
  cp "$root"/tests/clients/node/package*.json "$1/"
  npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
}

install_debian() {
  if [[ "$(id -u)" != 0 ]] || ! command -v apt-get >/dev/null; then
    fail "the Debian package $1 is missing and cannot be installed from here: please install it (apt-get install $1)"
  fi
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq "$1"
}

need() {
  command -v "$1" >/dev/null || fail "$2 is needed for this, but there is no $1 on the PATH"
}

fail() {
  echo "test: $*" >&2
  exit 1
}
