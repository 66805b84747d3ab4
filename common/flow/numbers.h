/* numbers.h - what one direction of a TCP flow has sent while the flow is half-open: the numbers that the other direction can
 * acknowledge.
 *
 * Why      Who acknowledges one of them has received it, or has guessed one number of 2^32. That is how a flow finds out that
 *          both ends are there (flow/track.h).
 * Shape    from `first`, the number behind the SYN, to `end`, the one behind the last byte sent. With `apart`, `end` is the
 *          number behind another SYN instead: of the two only these very numbers are known.
 * Order    host; numbers are compared as RFC 9293 section 3.4 says.
 * Source   RFC 9293 sections 3.4 and 3.5; the window's limit: RFC 7323 section 2.2.
 */
#ifndef DP_FLOW_NUMBERS_H
#define DP_FLOW_NUMBERS_H

#include "../target.h"

#define DP_TCP_WINDOW_MAX (1u << 30)

struct dp_numbers {
	__u32 first;
	__u32 end;
	__u8 known;
	__u8 apart;
	__u16 pad;
};

/* What a segment says of its sender's numbers. */
struct dp_numbers_sent {
	__u32 start; /* of its data: behind its SYN */
	__u32 end;   /* behind its data and its FIN */
	__u8 syn;
	__u8 vouched; /* it acknowledges what the other direction has sent: its sender has seen that */
	__u8 settled; /* a segment that was vouched for has been noted before */
	__u8 beside; /* it may stand beside the numbers that are known: a SYN, or of a flow whose SYN nobody has seen */
};

/* Has the direction sent what `number` acknowledges? */
DP_INLINE int dp_numbers_has(const struct dp_numbers *numbers, __u32 number)
{
	if (!numbers->known)
		return 0;
	if (numbers->apart)
		return number == numbers->first || number == numbers->end;
	return number - numbers->first <= numbers->end - numbers->first;
}

DP_INLINE void dp_numbers_begin(struct dp_numbers *numbers, const struct dp_numbers_sent *sent)
{
	numbers->first = sent->start;
	numbers->end = sent->end;
	numbers->known = 1;
	numbers->apart = 0;
}

/* A segment that goes on where the numbers are: they reach as far as it does. */
DP_INLINE void dp_numbers_extend(struct dp_numbers *numbers, const struct dp_numbers_sent *sent)
{
	if (numbers->apart) {
		if (sent->end == sent->start)
			return; /* without data it does not tell which of the two numbers is the right one */
		dp_numbers_begin(numbers, sent);
		return;
	}
	if ((__s32)(sent->start - numbers->first) < 0)
		numbers->first = sent->start;
	if ((__s32)(sent->end - numbers->end) > 0)
		numbers->end = sent->end;
	if (numbers->end - numbers->first > DP_TCP_WINDOW_MAX)
		numbers->first = numbers->end - DP_TCP_WINDOW_MAX;
}

/* Is `start` where the direction may be now: anywhere within a window of what it has sent? */
DP_INLINE int dp_numbers_near(const struct dp_numbers *numbers, __u32 start)
{
	return !numbers->apart && (start - numbers->first <= DP_TCP_WINDOW_MAX ||
				   numbers->first - start <= DP_TCP_WINDOW_MAX);
}

/* Is everything that was noted before wrong, or a stranger's? */
DP_INLINE int dp_numbers_wrong(const struct dp_numbers *numbers, const struct dp_numbers_sent *sent)
{
	if (!numbers->known)
		return 1;
	if (!sent->vouched)
		return 0;
	if (sent->syn)
		return !sent->settled;
	return !dp_numbers_has(numbers, sent->start) && !dp_numbers_near(numbers, sent->start);
}

/* Notes a segment. One that nobody vouches for counts only where the numbers are anyway, or beside them: no stranger can put
 * his number in the place of one that somebody has vouched for. */
DP_INLINE void dp_numbers_take(struct dp_numbers *numbers, const struct dp_numbers_sent *sent)
{
	if (dp_numbers_wrong(numbers, sent)) {
		dp_numbers_begin(numbers, sent);
	} else if (dp_numbers_has(numbers, sent->start) || (sent->vouched && !sent->syn)) {
		dp_numbers_extend(numbers, sent);
	} else if (sent->beside) {
		numbers->end = sent->start;
		numbers->apart = 1;
	}
}

#endif
