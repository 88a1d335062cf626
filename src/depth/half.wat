;; float32 to float16, four at a time; half.ts says how it is used. `node scripts/wasm.mjs` makes half-wasm.ts of it.
;; Memory: 65536 words at 0, their halves at 262144, places of rare words at 393216.
(module
  (memory (export "memory") 7)
  ;; Rounds `count` words, in fours. Returns how many fours hold a rare word, one that becomes infinite or is no number, or
  ;; that becomes zero and was none; the places of these fours, in bytes, are listed.
  (func (export "round") (param $count i32) (result i32)
    (local $at i32) (local $end i32) (local $rare i32)
    (local $word v128) (local $magnitude v128) (local $half v128)
    (local.set $end (i32.shl (local.get $count) (i32.const 2)))
    (loop $next
      (local.set $word (v128.load (local.get $at)))
      (local.set $magnitude (v128.and (local.get $word) (i32x4.splat (i32.const 0x7fffffff))))
      (local.set $half
        (v128.bitselect
          ;; below 2^-14 a half is a multiple of 2^-24, which is the step of a float32 between 0.5 and 1
          (i32x4.sub
            (f32x4.add (local.get $magnitude) (f32x4.splat (f32.const 0.5)))
            (f32x4.splat (f32.const 0.5)))
          ;; else the exponent is 112 less and 13 bits are dropped: just less than half of the last kept bit is added, and
          ;; where it is odd so much that a tie carries
          (i32x4.shr_u
            (i32x4.add
              (i32x4.add (local.get $magnitude) (i32x4.splat (i32.const -0x37fff001)))
              (v128.and
                (i32x4.shr_u (local.get $magnitude) (i32.const 13))
                (i32x4.splat (i32.const 1))))
            (i32.const 13))
          (i32x4.lt_s (local.get $magnitude) (i32x4.splat (i32.const 0x38800000)))))
      (local.set $half
        (v128.or
          (local.get $half)
          (v128.and
            (i32x4.shr_u (local.get $word) (i32.const 16))
            (i32x4.splat (i32.const 0x8000)))))
      (v128.store64_lane offset=262144 0
        (i32.shr_u (local.get $at) (i32.const 1))
        (i16x8.narrow_i32x4_u (local.get $half) (local.get $half)))
      ;; rare: from 65520 on, and up to 2^-25 but not zero
      (if
        (v128.any_true
          (v128.or
            (i32x4.ge_s (local.get $magnitude) (i32x4.splat (i32.const 0x477ff000)))
            (i32x4.lt_u
              (i32x4.add (local.get $magnitude) (i32x4.splat (i32.const -1)))
              (i32x4.splat (i32.const 0x33000000)))))
        (then
          (i32.store offset=393216 (i32.shl (local.get $rare) (i32.const 2)) (local.get $at))
          (local.set $rare (i32.add (local.get $rare) (i32.const 1)))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))
      (br_if $next (i32.lt_u (local.get $at) (local.get $end))))
    (local.get $rare)))
