/* cursor.h - reads a frame from front to back and never past its end.
 *
 * `end` is the end of what can be read: the linear part of the frame. `left` is how much of the frame (later: of the IP
 * packet, padding excluded) has not been taken yet; it may be more than can be read, when the tail of a large frame
 * lies in other buffers. Both are checked: `left` is the rule, `end` is also what the verifier wants to see.
 */
#ifndef DP_CURSOR_H
#define DP_CURSOR_H

#include "../target.h"

struct dp_cursor {
	const __u8 *frame; /* its first byte */
	const __u8 *pos;
	const __u8 *end;
	__u32 left;
};

/* Do `size` bytes from `pos` on lie before `end`? The sum is laundered because clang otherwise turns `pos + size > end`
 * inside loops into arithmetic on `end`, which the verifier forbids. */
DP_INLINE int dp_within(const __u8 *pos, __u32 size, const __u8 *end)
{
	const __u8 *behind = pos + size;

	DP_LAUNDER(behind);
	return behind <= end;
}

/* Takes `size` bytes off the front; NULL when the frame is shorter. In the kernel `size` must have a bound that the
 * verifier knows, far below 64 KiB. */
DP_INLINE const __u8 *dp_take(struct dp_cursor *cur, __u32 size)
{
	const __u8 *front = cur->pos;
	const __u8 *behind = front + size;

	DP_LAUNDER(behind);
	if (size > cur->left || behind > cur->end)
		return NULL;
	cur->pos = behind;
	cur->left -= size;
	return front;
}

#endif
