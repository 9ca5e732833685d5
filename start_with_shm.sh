#!/usr/bin/env bash
# As start.sh, after making sure that /dev/shm is large enough for Triton. Containers start with 64 MB of it.
#   SHM_SIZE=4g ./start_with_shm.sh
set -euo pipefail
wanted=$(numfmt --from=iec "$(tr '[:lower:]' '[:upper:]' <<<"${SHM_SIZE:-2g}")")
present=$(df --block-size=1 --output=size /dev/shm | tail -1)
if [ "$present" -lt "$wanted" ]; then
    echo "/dev/shm has $((present >> 20)) MiB, wanted are $((wanted >> 20)) MiB" >&2
    if ! mount -o "remount,size=$wanted" /dev/shm 2>/dev/null; then
        echo "it cannot be enlarged from here: as root run  mount -o remount,size=$wanted /dev/shm" >&2
        echo "or start the container with --shm-size=${SHM_SIZE:-2g} (docker-compose.yml does)" >&2
        exit 1
    fi
fi
exec "$(dirname "$0")/start.sh" "$@"
