/* target.h - everything that differs between BPF C, C17 and C++20.
 *
 * Nothing else in common/ may ask which compiler it is. Kernel-side code is built with
 * `clang -target bpf`, which defines __bpf__; everything else is user space.
 *
 * Memory order: DP_LOAD/DP_STORE_RELEASE assume x86-64 (total store order) on the BPF side, where the
 * instruction set of kernel 6.1 has no acquire or release. On arm64 each of them needs a barrier.
 */
#ifndef DP_TARGET_H
#define DP_TARGET_H

#include <linux/types.h>

#ifdef __bpf__

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <stddef.h>

#define DP_INLINE static __attribute__((always_inline)) inline
/* A verb too big to inline: verified once by itself, called like a function. Weak, so that clang does not drop the
 * arguments it finds unused: the verifier checks them by their type at every call. */
#define DP_VERB __attribute__((weak, noinline))
#define DP_WIRE
#define DP_STATIC_ASSERT(what, why) _Static_assert(what, why)

#define dp_htons(x) bpf_htons(x)
#define dp_ntohs(x) bpf_ntohs(x)
#define dp_htonl(x) bpf_htonl(x)
#define dp_ntohl(x) bpf_ntohl(x)

#define DP_LOAD(pointer) (*(const volatile __typeof__(*(pointer)) *)(pointer))
#define DP_COMPILER_BARRIER() __asm__ volatile("" ::: "memory")
#define DP_STORE_RELEASE(pointer, value)                                                           \
	do {                                                                                       \
		DP_COMPILER_BARRIER();                                                             \
		*(volatile __typeof__(*(pointer)) *)(pointer) = (value);                           \
		DP_COMPILER_BARRIER();                                                             \
	} while (0)
/* Full barrier: an exchange is a locked instruction. */
#define DP_EXCHANGE(pointer, value) ((void)__sync_lock_test_and_set((pointer), (value)))
/* Returns what was found; the swap took place when that is `expected`. */
#define DP_COMPARE_SWAP(pointer, expected, value)                                                  \
	__sync_val_compare_and_swap((pointer), (expected), (value))
#define DP_ATOMIC_ADD(pointer, value) ((void)__sync_fetch_and_add((pointer), (value)))
/* Returns what was there before. */
#define DP_FETCH_ADD(pointer, value) __sync_fetch_and_add((pointer), (value))
#define DP_ATOMIC_OR(pointer, value) ((void)__sync_fetch_and_or((pointer), (value)))
#define DP_ATOMIC_AND(pointer, value) ((void)__sync_fetch_and_and((pointer), (value)))
/* Keeps a bound check that the optimiser would prove away but the verifier still needs. */
#define DP_LAUNDER(x) __asm__ volatile("" : "+r"(x))
#define DP_UNROLL _Pragma("unroll")

#else

#include <arpa/inet.h>
#include <linux/bpf.h>
#include <stddef.h>
#include <string.h>

#define DP_INLINE static inline
#define DP_VERB static inline
#define DP_WIRE __attribute__((packed))
#ifdef __cplusplus
#define DP_STATIC_ASSERT(what, why) static_assert(what, why)
#else
#define DP_STATIC_ASSERT(what, why) _Static_assert(what, why)
#endif

#define dp_htons(x) htons(x)
#define dp_ntohs(x) ntohs(x)
#define dp_htonl(x) htonl(x)
#define dp_ntohl(x) ntohl(x)

#define DP_LOAD(pointer) __atomic_load_n((pointer), __ATOMIC_ACQUIRE)
#define DP_COMPILER_BARRIER() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define DP_STORE_RELEASE(pointer, value) __atomic_store_n((pointer), (value), __ATOMIC_RELEASE)
#define DP_EXCHANGE(pointer, value)                                                                \
	((void)__atomic_exchange_n((pointer), (value), __ATOMIC_SEQ_CST))
#define DP_COMPARE_SWAP(pointer, expected, value)                                                  \
	__sync_val_compare_and_swap((pointer), (expected), (value))
#define DP_ATOMIC_ADD(pointer, value)                                                              \
	((void)__atomic_fetch_add((pointer), (value), __ATOMIC_RELAXED))
#define DP_FETCH_ADD(pointer, value) __atomic_fetch_add((pointer), (value), __ATOMIC_RELAXED)
#define DP_ATOMIC_OR(pointer, value) ((void)__atomic_fetch_or((pointer), (value), __ATOMIC_RELAXED))
#define DP_ATOMIC_AND(pointer, value)                                                              \
	((void)__atomic_fetch_and((pointer), (value), __ATOMIC_RELAXED))
#define DP_LAUNDER(x)
#define DP_UNROLL

#endif

#endif
