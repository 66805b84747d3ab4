/* hit.h - the plain hit: a packet of a decided flow that changes nothing. One lookup, one next hop, or the engine.
 *
 * Everything that is not plain is refused here and decided by decide.h, which knows the reasons. So this is only a list
 * of conditions; whatever it lets through, dp_decide would forward or steer in the same way, and dp_forward would write the
 * same frame (the differential test holds the two against each other).
 *
 * Words    Most packets of a gateway are plain hits, so they are not parsed into a dp_packet: fields that lie side by side
 *          are loaded, compared and stored as one word, and nothing is kept that does not fit into registers.
 * Reads    the frames that dp_parse_plain reads (parse/plain.h), from ports that are no workloads.
 * Use      dp_hit_link, then dp_hit4 and dp_hit6; behind DP_HIT_FORWARD dp_hit4_forward or dp_hit6_forward, and last
 *          dp_hit_count, whose locked addition holds up every load behind it.
 */
#ifndef DP_HIT_H
#define DP_HIT_H

#include "hit4.h"
#include "hit6.h"

/* Of either family, of the port `number`. A caller that writes calls dp_hit4 and dp_hit6 each by itself. */
DP_INLINE enum dp_hit_verdict dp_hit(struct dp_env *env, const struct dp_settings *settings,
				     const __u8 *frame, const __u8 *end, __u32 frame_bytes,
				     const struct dp_port *port, __u32 number, struct dp_hit *hit)
{
	enum dp_hit_verdict verdict;

	if (!dp_hit_link(frame, end, port))
		return DP_HIT_ODD;
	verdict = dp_hit4(env, settings, frame, end, frame_bytes, port, number, hit);
	if (verdict != DP_HIT_ODD)
		return verdict;
	return dp_hit6(env, settings, frame, end, frame_bytes, port, number, hit);
}

DP_INLINE void dp_hit_count(struct dp_env *env, const struct dp_hit *hit, __u32 bytes, __u32 now)
{
	if (hit->family == DP_FAMILY_V4) {
		DP_STORE_RELEASE(&hit->entry.v4->acked, hit->acked);
		dp_flow_count4(env, hit->slot, hit->entry.v4, 1, bytes, now);
		return;
	}
	if (hit->protocol == DP_PROTOCOL_TCP) /* the second line, which UDP does not touch */
		DP_STORE_RELEASE(&hit->entry.v6->acked, hit->acked);
	dp_flow_count6(env, hit->slot, hit->entry.v6, 1, bytes, now);
}

#endif
