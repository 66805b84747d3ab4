/* rule.h - a compiled rule, and the zone pair that selects a run of them.
 *
 * The control plane expands the lists of an operator's rule (sources × destinations × ports × ...) into compiled
 * rules, sorts them by zone pair and keeps the operator's order inside a pair. First match wins.
 * Writer   control plane, idle bank only. Order: addresses network, ports and the rest host.
 */
#ifndef DP_RULE_H
#define DP_RULE_H

#include "address.h"
#include "limits.h"

enum dp_action { DP_ACTION_DROP = 0, DP_ACTION_ALLOW = 1, DP_ACTION_REJECT = 2 };
enum dp_place { DP_PLACE_AUTO = 0, DP_PLACE_USER = 1 };
enum { DP_PROTOCOL_ANY = 0xffff };

enum dp_rule_flag {
	DP_RULE_LOG = 1 << 0,
};

struct dp_rule {
	struct dp_address source; /* prefix; no bits outside the mask */
	struct dp_address source_mask;
	struct dp_address destination;
	struct dp_address destination_mask;
	__u16 source_port_low; /* 0..65535 matches everything, protocols without ports too */
	__u16 source_port_high;
	__u16 destination_port_low;
	__u16 destination_port_high;
	__u32 id;           /* of the operator's rule, 1.. */
	__u16 protocol;     /* or DP_PROTOCOL_ANY */
	__u8 family;        /* DP_FAMILY_NONE matches both */
	__u8 icmp_type_low; /* 0..255 matches everything */
	__u8 icmp_type_high;
	__u8 action; /* enum dp_action */
	__u8 place;  /* enum dp_place */
	__u8 flags;  /* enum dp_rule_flag */
	__u32 pad;   /* values of an array map are eight bytes apart */
};
DP_STATIC_ASSERT(sizeof(struct dp_rule) == 88, "no hidden padding");

/* Index: from * DP_ZONES_MAX + to. Zone 1 as `to` is the host. */
struct dp_zone_pair {
	__u16 first; /* index of the first compiled rule */
	__u16 count;
	__u8 default_action; /* enum dp_action, when no rule matches */
	__u8 pad[3];
};
DP_STATIC_ASSERT(sizeof(struct dp_zone_pair) == 8, "one word");

enum { DP_ZONE_NONE = 0, DP_ZONE_HOST = 1 };

/* What the classifier answers. */
struct dp_match {
	__u32 rule; /* id; 0 when the zone's default decided */
	__u8 action;
	__u8 place;
	__u16 flags;
};

#endif
