#!/bin/sh
# certify.sh SECONDS: a new certificate for payments.shop.internal that is valid for so long. Runs inside the machine.
set -eu
cd /opt/tls
openssl ca -batch -notext -config ca.cnf -in payments.csr -out payments.pem.new \
    -startdate "$(date -u -d '1 hour ago' +%Y%m%d%H%M%SZ)" -enddate "$(date -u -d "+$1 seconds" +%Y%m%d%H%M%SZ)" 2> ca.log
mv payments.pem.new payments.pem
