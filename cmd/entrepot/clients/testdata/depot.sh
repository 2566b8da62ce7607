#!/bin/sh
# Calls the depot API: depot.sh COMMAND [ELEMENTS]
#
# ELEMENTS is XML for the request, besides command and requesttime. SALT and
# URL come from the environment; TIMESTAMP and CHECKSUM too, where a test wants
# others than the right ones.
set -eu
TIMESTAMP=${TIMESTAMP:-$(date +%s)}
REQUEST="<?xml version='1.0' encoding='UTF-8' ?><teamdrive><apiversion>3.0.003</apiversion><command>$1</command><requesttime>$TIMESTAMP</requesttime>${2:-}</teamdrive>"
CHECKSUM=${CHECKSUM:-$(printf '%s' "$REQUEST$SALT" | md5sum | cut -c1-32)}
curl -sS --fail --data-binary "$REQUEST" "$URL?checksum=$CHECKSUM"
