#!/bin/sh
# Records the incidents of the benchmark on a Debian 12 machine, as root:
#   record.sh OUT              all kinds, JOBS at once (3 by default), about four minutes each
#   record.sh OUT KIND...      these
# PACE=0.3 shortens every wait, to try it out. Each kind is a folder of evidence OUT/KIND and its OUT/KIND.truth.jsonl.
# Everything runs in namespaces of its own and is gone afterwards; see README.md.
set -eu
bench=$(cd "$(dirname "$0")" && pwd)
here=$bench/../../fixtures/record
. "$here/machine.sh"
kinds="bad_deploy crash_loop pool_exhaustion lock disk_full pg_crash upstream_hang dns certificate bad_reload slow_leak
    overlap red_herring no_chat clock_skew quiet"

# opt_make WORK: the shop's programs, releases and certificates.
opt_make() {
    opt=$1/opt
    mkdir -p "$opt/shop-api/releases" "$opt/shop-worker" "$opt/payments" "$opt/tls/issued" "$opt/spool"
    cp "$here/app/shop_worker.py" "$opt/shop-worker/"
    cp "$here/app/service.py" "$bench/app/payments.py" "$bench/app/analytics.py" "$opt/payments/"
    for version in 1.4.1 1.5.0 1.5.1; do
        release=$opt/shop-api/releases/$version
        mkdir "$release"
        cp "$here/app/service.py" "$bench/app/shop_api.py" "$release/"
        /usr/bin/python3 -c 'import json, sys; print(json.dumps(json.load(open(sys.argv[1]))[sys.argv[2]]))' \
            "$bench/app/releases.json" "$version" > "$release/release.json"
    done
    ln -s releases/1.4.1 "$opt/shop-api/current"
    : > "$opt/hosts"
    cp "$bench/certify.sh" "$bench/conf/ca.cnf" "$opt/tls/"
    (
        cd "$opt/tls"
        : > index.txt
        echo 01 > serial
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj "/CN=shop CA" \
            -keyout ca.key -out ca.pem 2> /dev/null
        openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=payments.shop.internal" \
            -addext "subjectAltName=DNS:payments.shop.internal" -keyout payments.key -out payments.csr 2> /dev/null
        chmod 644 payments.key
    )
}

# record_one OUT KIND
record_one() {
    work=$(mktemp -d /var/tmp/recording.XXXXXX)
    booter=
    trap 'machine_end "$work" || true; rm -rf "$work"' EXIT
    trap 'exit 1' INT TERM
    machine_make "$work" web-01
    cp "$bench"/units/* "$work/units/"
    cp "$bench/conf/nginx.conf" "$work/etc/nginx/"
    opt_make "$work"
    machine_cluster "$work"
    machine_database "$work" 20000 "$bench/conf/postgresql.conf"
    machine_boot "$work" web-01
    mkdir "$work/out"
    (cd "$bench" && PYTHONDONTWRITEBYTECODE=1 machine_run "$work" \
        env PYTHONPATH="$here:$bench" /usr/bin/python3 -m simulator "$work/out" "$2" "${PACE:-1}")
    mkdir -p "$1"
    rm -rf "${1:?}/$2"
    cp -a "$work/out/$2" "$work/out/$2.truth.jsonl" "$1/"
}

[ "$(id -u)" = 0 ] || { echo "record.sh must run as root" >&2; exit 2; }
case "${1:-}" in
    '' | -*)
        [ "${1:-}" = --one ] && [ $# = 3 ] || { sed -n '2,6s/^# //p' "$0"; exit 2; }
        record_one "$2" "$3"
        ;;
    *)
        out=$1
        shift
        machine_servers
        # shellcheck disable=SC2086
        printf '%s\n' ${*:-$kinds} | xargs -P "${JOBS:-3}" -I KIND "$0" --one "$out" KIND
        ;;
esac
