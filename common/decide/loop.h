/* loop.h - a loop whose length is data.
 *
 * The verifier walks an ordinary loop turn by turn and gives up at a million instructions; bpf_loop (kernel 5.17) it
 * verifies once, whatever the count. In user space it is a plain loop that the compiler inlines.
 *
 * `body` returns 0 for "go on" and 1 for "enough". It is a static function of the shape dp_loop_body; what it needs and
 * what it finds lie in `context`.
 */
#ifndef DP_LOOP_H
#define DP_LOOP_H

#include "../target.h"

typedef long (*dp_loop_body)(__u32 index, void *context);

#ifdef __bpf__

#define dp_loop(count, body, context) ((void)bpf_loop((count), (void *)(body), (context), 0))

#else

DP_INLINE void dp_loop(__u32 count, dp_loop_body body, void *context)
{
	__u32 index;

	for (index = 0; index < count; index++)
		if (body(index, context))
			return;
}

#endif

#endif
