/* martian.h - classes of addresses that matter at the border.
 *
 * Pure functions of one address; whether it is one of our own, or on the right link, only the tables know.
 * Source   RFC 1122 section 3.2.1.3, RFC 1812 section 5.3.7, RFC 6890 (special-purpose registries), RFC 4291.
 */
#ifndef DP_MARTIAN_H
#define DP_MARTIAN_H

#include "../model/address.h"

DP_INLINE int dp_address_unspecified(const struct dp_address *address)
{
	return (address->word[0] | address->word[1] | address->word[2] | address->word[3]) == 0;
}

/* 224.0.0.0/4, ff00::/8 */
DP_INLINE int dp_address_multicast(__u8 family, const struct dp_address *address)
{
	__u32 first = dp_ntohl(address->word[0]);

	return family == DP_FAMILY_V4 ? first >> 28 == 0xe : first >> 24 == 0xff;
}

/* 255.255.255.255; a subnet's broadcast address is known only to the routes. */
DP_INLINE int dp_address_broadcast(__u8 family, const struct dp_address *address)
{
	return family == DP_FAMILY_V4 && address->word[0] == 0xffffffff;
}

/* To all stations of a link, or to a group of them. */
DP_INLINE int dp_address_group(__u8 family, const struct dp_address *address)
{
	return dp_address_multicast(family, address) || dp_address_broadcast(family, address);
}

/* 169.254.0.0/16, fe80::/10: never leaves its link (RFC 3927 section 2.7, RFC 4291 section 2.5.6). */
DP_INLINE int dp_address_link_local(__u8 family, const struct dp_address *address)
{
	__u32 first = dp_ntohl(address->word[0]);

	return family == DP_FAMILY_V4 ? first >> 16 == 0xa9fe : first >> 22 == 0xfe80 >> 6;
}

/* 0.0.0.0, 127.0.0.0/8, 255.255.255.255. The rest of 0.0.0.0/8 and 240.0.0.0/4 is unicast, as it is to Linux
 * (ipv4_is_zeronet, ipv4_is_lbcast in net/ipv4/route.c). */
DP_INLINE int dp_never_on_wire4(const struct dp_address *address)
{
	return address->word[0] == 0 || address->word[0] == 0xffffffff ||
	       dp_ntohl(address->word[0]) >> 24 == 127;
}

/* ::/96 (unspecified, loopback, IPv4-compatible), ::ffff:0:0/96 (IPv4-mapped): RFC 4291 sections 2.5.2, 2.5.3, 2.5.5 */
DP_INLINE int dp_never_on_wire6(const struct dp_address *address)
{
	__u32 third = dp_ntohl(address->word[2]);

	return (address->word[0] | address->word[1]) == 0 && (third == 0 || third == 0xffff);
}

/* A source that no packet on a wire can have. The unspecified address is one, too: who expects DHCP (0.0.0.0) or
 * duplicate address detection (::) asks dp_address_unspecified first. */
DP_INLINE int dp_martian_source(__u8 family, const struct dp_address *address)
{
	if (dp_address_multicast(family, address))
		return 1;
	return family == DP_FAMILY_V4 ? dp_never_on_wire4(address) : dp_never_on_wire6(address);
}

/* A destination that can neither be routed nor belong to anybody. 255.255.255.255 is none: it is a broadcast. */
DP_INLINE int dp_martian_destination(__u8 family, const struct dp_address *address)
{
	if (dp_address_broadcast(family, address))
		return 0;
	return family == DP_FAMILY_V4 ? dp_never_on_wire4(address) : dp_never_on_wire6(address);
}

#endif
