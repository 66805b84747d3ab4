/* classify.h - which rule decides a packet.
 *
 * First match wins: the zone pair names a run of compiled rules in the operator's order, walked from the front. Another
 * classifier (a tree) may take the place of the walk; what dp_classify promises stays.
 *
 * Who asks  dp_judge, for the first packet of a flow and for flows of an older generation; `packet` is the flow's
 *           original direction. Fragments and packets without a zone never come here.
 * Order     rules hold ports in host order, so the packet's are turned once, not once per rule.
 * ICMP      a rule with a narrow type range always has protocol 1 or 58 (config/expansion.cpp); to all others the type
 *           counts as 0 and every type matches.
 */
#ifndef DP_CLASSIFY_H
#define DP_CLASSIFY_H

#include "../wire/ipv4.h"
#include "../env.h"
#include "loop.h"

/* Rules per turn of the loop. */
enum { DP_CLASSIFY_STRIDE = 4 };

/* What the walk takes along. */
struct dp_classify_walk {
	struct dp_env *env;
	const struct dp_packet *packet;
	struct dp_match *match;
	__u32 bank;
	__u32 first;
	__u32 count;
	__u32 source_port;
	__u32 destination_port;
	__u32 icmp_type;
	__u32 missing; /* a rule of the run is not in the table */
};

DP_INLINE int dp_rule_matches(const struct dp_rule *rule, const struct dp_classify_walk *walk)
{
	const struct dp_packet *packet = walk->packet;

	if (rule->protocol != DP_PROTOCOL_ANY && rule->protocol != packet->protocol)
		return 0;
	if (walk->destination_port < rule->destination_port_low || walk->destination_port > rule->destination_port_high)
		return 0;
	if (rule->family != DP_FAMILY_NONE && rule->family != packet->family)
		return 0;
	if (walk->source_port < rule->source_port_low || walk->source_port > rule->source_port_high)
		return 0;
	if (walk->icmp_type < rule->icmp_type_low || walk->icmp_type > rule->icmp_type_high)
		return 0;
	return dp_address_in(&packet->destination, &rule->destination, &rule->destination_mask) &&
	       dp_address_in(&packet->source, &rule->source, &rule->source_mask);
}

/* 1 when the walk is over: this rule matches, or is not there. */
DP_INLINE long dp_classify_rule(struct dp_classify_walk *walk, __u32 index)
{
	const struct dp_rule *rule = dp_env_rule(walk->env, walk->bank, walk->first + index);

	if (!rule) {
		walk->missing = 1;
		return 1;
	}
	if (!dp_rule_matches(rule, walk))
		return 0;
	walk->match->rule = rule->id;
	walk->match->action = rule->action;
	walk->match->place = rule->place;
	walk->match->flags = rule->flags;
	return 1;
}

static long dp_classify_step(__u32 step, void *context)
{
	struct dp_classify_walk *walk = (struct dp_classify_walk *)context;
	__u32 index = step * DP_CLASSIFY_STRIDE;
	__u32 turn;

	DP_UNROLL
	for (turn = 0; turn < DP_CLASSIFY_STRIDE; turn++, index++) {
		if (index >= walk->count || dp_classify_rule(walk, index))
			return 1;
	}
	return 0;
}

/* Fills `match` (which the caller has zeroed) and returns its action, enum dp_action. -1 when the tables contradict
 * themselves: match then says drop, and the reason is DP_INTERNAL. */
DP_VERB int dp_classify(struct dp_env *env, __u32 bank, const struct dp_packet *packet,
			__u8 to_zone, struct dp_match *match)
{
	struct dp_classify_walk walk;
	const struct dp_zone_pair *pair;

	if (!packet || !match)
		return -1;
	match->rule = 0;
	match->action = DP_ACTION_DROP;
	match->place = DP_PLACE_AUTO;
	match->flags = 0;
	if (packet->zone >= DP_ZONES_MAX || to_zone >= DP_ZONES_MAX)
		return -1;
	pair = dp_env_zone_pair(env, bank, (__u32)packet->zone * DP_ZONES_MAX + to_zone);
	if (!pair || pair->first + pair->count > DP_RULES_MAX)
		return -1;

	match->action = pair->default_action;
	walk.env = env;
	walk.packet = packet;
	walk.match = match;
	walk.bank = bank;
	walk.first = pair->first;
	walk.count = pair->count;
	walk.source_port = dp_ntohs(packet->source_port);
	walk.destination_port = dp_ntohs(packet->destination_port);
	walk.icmp_type = 0;
	if (packet->protocol == DP_PROTOCOL_ICMP || packet->protocol == DP_PROTOCOL_ICMPV6)
		walk.icmp_type = packet->icmp_type;
	walk.missing = 0;
	dp_loop((walk.count + DP_CLASSIFY_STRIDE - 1) / DP_CLASSIFY_STRIDE, dp_classify_step, &walk);
	if (!walk.missing)
		return match->action;
	match->action = DP_ACTION_DROP;
	return -1;
}

#endif
