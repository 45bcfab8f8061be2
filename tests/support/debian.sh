# shellcheck shell=bash
# Files out of Debian's packages, for tests that need more than is installed,
# through an apt of our own that lives in the current folder: nothing is
# installed and the machine's package lists stay as they are. Sourced.

have_apt() {
	command -v apt-get >/dev/null && command -v dpkg-deb >/dev/null
}

# The first address in the machine's sources that ends in $1.
mirror() {
	sed -n 's/^\(deb .*\|URIs:.*\)\(https\{0,1\}:[^ ]*\/'"$1"'\)\/\{0,1\}\( .*\|$\)/\2/p' \
		/etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null |
		head -n 1
}

# fetch ARCHITECTURE SUITE MIRROR PACKAGE ...: unpack packages below apt/files.
fetch() {
	local arch=$1 suite=$2 mirror=$3 apt=$PWD/apt keys

	shift 3
	[ -n "$mirror" ] || return 1
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	rm -rf "$apt"
	mkdir -p "$apt/lists/partial" "$apt/archives/partial" || return 1
	: >"$apt/status"
	echo "deb [signed-by=$keys] $mirror $suite main" >"$apt/sources"
	cat >"$apt/conf" <<-END
		Dir::State "$apt";
		Dir::State::status "$apt/status";
		Dir::Cache "$apt";
		Dir::Etc::sourcelist "$apt/sources";
		Dir::Etc::sourceparts "/dev/null";
		APT::Architecture "$arch";
		APT::Architectures "$arch";
		APT::Sandbox::User "$(id -un)";
		Acquire::Languages "none";
		Acquire::Retries "3";
	END
	export APT_CONFIG="$apt/conf"
	apt-get -qq update &&
		(cd "$apt/archives" && apt-get -qq download "$@") &&
		for deb in "$apt"/archives/*.deb; do
			dpkg-deb -x "$deb" "$apt/files" || return 1
		done
}
