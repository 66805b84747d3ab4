/* settings.h - the settings in force: the stamp, the banks, timeouts, budgets. Each packet reads each field once.
 *
 * Writers  control plane; `heartbeat` by a thread of its own (userspace/control/life/heartbeat.hpp).
 * Units    ticks: the kernel's jiffies, lower 32 bits. `ticks_per_second` is CONFIG_HZ, measured at start.
 */
#ifndef DP_SETTINGS_H
#define DP_SETTINGS_H

#include "layout.h"
#include "limits.h"
#include "../target.h"

enum dp_budget_kind {
	DP_BUDGET_FRAGMENT = 0,
	DP_BUDGET_TTL = 1,
	DP_BUDGET_ICMP_ERROR = 2, /* errors that arrive, and ones to be made: reject, unreachable, too big */
	DP_BUDGET_HOST = 3,
	DP_BUDGET_NEIGHBOUR = 4,
	DP_BUDGET_LINK = 5, /* ARP, neighbour discovery: apart, so that a flood to the host cannot starve them */
	DP_BUDGET_HELD = 6, /* flows whose first packets are still in the engine: apart from those that begin */
	DP_BUDGET_MADE = 7, /* errors and resets that the engine makes, whatever brought the packet to it */
	DP_BUDGETS = 8,
};

/* Packets of one budget in the running second. Table `budgets`, shared by all CPUs and the engine; index:
 * kind * DP_PORTS_MAX + ingress port, and port 0 for what all ports have together (decide/budget.h). */
struct dp_budget_window {
	__u32 second; /* tick at which it began */
	__u32 used;
};

enum dp_pickup { DP_PICKUP_STRICT = 0, DP_PICKUP_LOOSE = 1 };

/* Tables in which half-open pairs have reached their share, or all pairs max_pairs: a new flow takes the place of a
 * half-open or expired one where it can, instead of a free one. Expired ones are also evicted while the daemon is gone. Told by the scan, so up to a second late; in tables far
 * above the default size, in which little happens, some seconds. */
enum dp_crowded { DP_CROWDED_V4 = 1 << 0, DP_CROWDED_V6 = 1 << 1 };

/* Seconds converted to ticks. */
struct dp_timeouts {
	__u32 tcp_syn;
	__u32 tcp_established;
	__u32 tcp_closing;
	__u32 tcp_reset;
	__u32 udp;
	__u32 udp_stream;
	__u32 icmp;
	__u32 other;
};

/* Geometry of one family's flow table. The seed is secret: who knows it can aim at one set. */
struct dp_table_shape {
	__u64 seed;
	__u32 set_count; /* even; two per bucket */
	__u32 max_pairs;
};

struct dp_settings {
	/* The head: what the entries of the flow tables were made with. These fields stay where they are for ever, because an
	 * upgrade that changes the rest carries them over (DP_SETTINGS_HEAD). */
	__u32 layout_version; /* DP_LAYOUT_VERSION; 0: nobody has written here yet */
	__u32 stamp;          /* generation << 16 | epoch; neither half is ever 0 */
	struct dp_table_shape v4;
	struct dp_table_shape v6;
	__u64 ecmp_seed;
	__u32 policy_bank; /* 0 or 1: zone pairs and rules in force */
	__u32 route_bank;  /* 0 or 1: routes and paths in force */
	__u32 heartbeat;   /* tick at which the daemon last said it lives */
	__u32 ticks_per_second;
	__u32 heartbeat_limit; /* ticks after which the daemon counts as gone */
	__u32 pickup_until; /* tick: for pickup_ticks before it DP_PICKUP_LOOSE holds whatever `pickup` says */
	__u8 pickup;       /* enum dp_pickup */
	__u8 pickup_grace; /* pickup_until counts; the daemon ends it */
	__u8 crowded;      /* enum dp_crowded: which tables are */
	__u8 pad;
	struct dp_timeouts timeouts;
	/* Packets per second, by enum dp_budget_kind. The sum of all shares and `budget` is what the operator allows. */
	__u32 budget[DP_BUDGETS];       /* for whichever port comes first */
	__u32 budget_share[DP_BUDGETS]; /* of each port, for itself */
	__u32 pickup_ticks;             /* length of the grace time */
	__u32 log_events;               /* per second and rule that says log */
	__u32 pad2;
};
DP_STATIC_ASSERT(sizeof(struct dp_settings) == 184, "no hidden padding");
enum { DP_SETTINGS_HEAD = 48 }; /* bytes: through ecmp_seed */
DP_STATIC_ASSERT(__builtin_offsetof(struct dp_settings, ecmp_seed) == DP_SETTINGS_HEAD - 8,
		 "the head never changes");

/* Does the grace time last? Told by how long it still lasts, and that is never longer than the whole: so it does not come
 * back when the clock has gone half round. */
DP_INLINE int dp_in_grace(const struct dp_settings *settings, __u32 now)
{
	return settings->pickup_grace && settings->pickup_until - now - 1 < settings->pickup_ticks;
}

#endif
