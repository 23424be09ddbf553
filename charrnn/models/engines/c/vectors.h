/* Vectors of WIDTH floats, and the functions of them that the cells need.  Included by kernels.h for each instruction
   set; see there for NAME, TARGET and WIDTH. */

#define INLINE static inline __attribute__((always_inline)) TARGET
#define VEC NAME(vec)
#define BITS NAME(bits)

typedef float VEC __attribute__((vector_size(4 * WIDTH)));
typedef uint32_t BITS __attribute__((vector_size(4 * WIDTH)));

INLINE VEC NAME(splat)(float x) { return x - (VEC){0}; }

/* Load n floats: WIDTH, or fewer at the end of a row; the rest of the vector is 0. */
INLINE VEC NAME(load)(const float *from, ssize n) {
    VEC v = {0};
    if (n >= WIDTH) memcpy(&v, from, sizeof v);
    else memcpy(&v, from, 4 * n);
    return v;
}

/* Store the first n floats of a vector: WIDTH, or fewer at the end of a row. */
INLINE void NAME(store)(float *to, VEC v, ssize n) {
    if (n >= WIDTH) memcpy(to, &v, sizeof v);
    else memcpy(to, &v, 4 * n);
}

/* Return a in the elements where the mask `where` is set, b in the others. */
INLINE VEC NAME(select)(BITS where, VEC a, VEC b) { return (VEC)((where & (BITS)a) | (~where & (BITS)b)); }

/* Return e^x - 1, with x clamped to [-43, 43], so that a product of two results and its inverse are normal numbers; nan
   stays nan.  x = n ln 2 + r, with a polynomial in r whose coefficients are those of the Cephes library's expf
   (Moshier). */
INLINE VEC NAME(expm1)(VEC x) {
    const VEC high = NAME(splat)(43.0f), low = NAME(splat)(-43.0f), magic = NAME(splat)(12582912.0f); /* 1.5 · 2^23 */
    x = NAME(select)((BITS)(x > high), high, x);
    x = NAME(select)((BITS)(x < low), low, x);
    VEC rounded = x * 1.44269504f + magic; /* the lowest bits are n */
    VEC n = rounded - magic;
    VEC r = x - n * 0.693359375f + n * 2.12194440e-4f;
    VEC p = NAME(splat)(1.9875691500e-4f);
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r;
    VEC scale = (VEC)(((BITS)rounded << 23) + (127u << 23)); /* 2^n */
    return scale * p + (scale - 1.0f);
}

INLINE VEC NAME(tanh)(VEC x) {
    VEC e = NAME(expm1)(x + x);
    return e / (e + 2.0f);
}

/* Replace x and y by their sigmoids, with one division for both: division is the slowest of these operations. */
INLINE void NAME(sigmoids)(VEC *x, VEC *y) {
    VEC a = 2.0f + NAME(expm1)(-*x), b = 2.0f + NAME(expm1)(-*y);
    VEC inverse = 1.0f / (a * b);
    *x = b * inverse;
    *y = a * inverse;
}

/* Replace x by its tanh and y by its sigmoid, with one division for both. */
INLINE void NAME(tanh_and_sigmoid)(VEC *x, VEC *y) {
    VEC e = NAME(expm1)(*x + *x), b = 2.0f + NAME(expm1)(-*y);
    VEC inverse = 1.0f / ((e + 2.0f) * b);
    *x = e * b * inverse;
    *y = (e + 2.0f) * inverse;
}
