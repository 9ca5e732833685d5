#!/usr/bin/env bash
# Start the service by hand: sets itself up the first time, then runs in the foreground. Arguments go to `serve`.
#   ./start.sh --host 0.0.0.0 --port 8308
set -euo pipefail
cd "$(dirname "$0")"
VENV=${VENV:-.venv}
if [ ! -x "$VENV/bin/digital-human" ]; then
    make "$VENV/.run" VENV="$VENV" PYTHON="${PYTHON:-python3}"
fi
exec "$VENV/bin/digital-human" serve "$@"
