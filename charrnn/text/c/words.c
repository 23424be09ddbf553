/* charrnn.text._words: the distinct words of a text and the place of each word among them, in one pass.

   A word is what str.split() returns, and every line break is a word of its own.  Python keeps what is a word of the
   model, and its index: it looks at each distinct word once, where the text has it a thousand times. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef Py_ssize_t ssize;
typedef unsigned char byte;

/* One distinct word: where it is seen first, and its hash. */
typedef struct {
    const byte *begin;
    ssize size;
    uint64_t hash;
} word;

typedef struct {
    word *words; /* in the order in which they are seen first */
    ssize count, room;
    int32_t *slots; /* a hash table by open addressing: 1 + the place of a word, or 0; twice `room` long */
    int32_t *codes; /* for each word of the text its place in `words` */
    ssize tokens, tokens_room;
} found;

/* Return how many bytes of white space begin at `at`; 0 where a word goes on.  The code points are those for which
   str.isspace() is true.  A text that ends inside a code point has no white space there. */
static ssize space_at(const byte *at, const byte *end) {
    if (*at < 0x80) return *at == ' ' || (*at >= 0x09 && *at <= 0x0d) || (*at >= 0x1c && *at <= 0x1f);
    if (*at == 0xc2) return end - at > 1 && (at[1] == 0x85 || at[1] == 0xa0) ? 2 : 0;
    if (*at < 0xe1 || *at > 0xe3 || end - at < 3) return 0;
    const int rest = at[1] << 8 | at[2];
    if (*at == 0xe1) return rest == 0x9a80 ? 3 : 0;
    if (*at == 0xe3) return rest == 0x8080 ? 3 : 0;
    return (rest >= 0x8080 && rest <= 0x808a) || rest == 0x80a8 || rest == 0x80a9 || rest == 0x80af || rest == 0x819f
               ? 3
               : 0;
}

/* 1 for the bytes that no white space begins with: a table, since most bytes are asked about no further. */
static byte may_go_on[256];

static void fill_table(void) {
    for (int i = 0; i < 256; i++) may_go_on[i] = i > ' ' && i != 0xc2 && (i < 0xe1 || i > 0xe3);
}

static uint64_t hash_of(const byte *at, ssize size) {
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)size;
    for (; size >= 8; at += 8, size -= 8) {
        uint64_t eight;
        memcpy(&eight, at, 8);
        hash = (hash ^ eight) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    uint64_t last = 0;
    for (ssize i = 0; i < size; i++) last = last << 8 | at[i];
    hash = (hash ^ last) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

/* Put every word into a table of twice as many slots as there is room for words; 0 without memory. */
static int make_room(found *all) {
    const ssize room = all->room ? 2 * all->room : 1024;
    word *words = realloc(all->words, (size_t)room * sizeof *words);
    if (words) all->words = words;
    int32_t *slots = words ? calloc((size_t)(2 * room), sizeof *slots) : NULL;
    if (!slots) return 0;
    free(all->slots);
    all->slots = slots;
    all->room = room;
    const uint64_t mask = (uint64_t)(2 * room) - 1;
    for (ssize i = 0; i < all->count; i++) {
        uint64_t slot = all->words[i].hash & mask;
        while (slots[slot]) slot = (slot + 1) & mask;
        slots[slot] = (int32_t)(i + 1);
    }
    return 1;
}

/* Return the place of a word among the distinct words, new or not; -1 without memory. */
static int32_t place_of(found *all, const byte *begin, ssize size) {
    if (all->count == all->room && !make_room(all)) return -1;
    const uint64_t hash = hash_of(begin, size), mask = (uint64_t)(2 * all->room) - 1;
    uint64_t slot = hash & mask;
    for (; all->slots[slot]; slot = (slot + 1) & mask) {
        const word *seen = &all->words[all->slots[slot] - 1];
        if (seen->hash == hash && seen->size == size && !memcmp(seen->begin, begin, (size_t)size))
            return all->slots[slot] - 1;
    }
    all->words[all->count++] = (word){begin, size, hash};
    all->slots[slot] = (int32_t)all->count;
    return all->slots[slot] - 1;
}

/* Add a word of the text; 0 without memory. */
static int add(found *all, const byte *begin, ssize size) {
    if (all->tokens == all->tokens_room) {
        const ssize room = all->tokens_room ? 2 * all->tokens_room : 4096;
        int32_t *codes = realloc(all->codes, (size_t)room * sizeof *codes);
        if (!codes) return 0;
        all->codes = codes;
        all->tokens_room = room;
    }
    const int32_t place = place_of(all, begin, size);
    if (place < 0) return 0;
    all->codes[all->tokens++] = place;
    return 1;
}

/* Find every word; 0 without memory. */
static int find_words(found *all, const byte *at, const byte *end) {
    while (at < end) {
        const ssize space = space_at(at, end);
        if (space) {
            if (*at == '\n' && !add(all, at, 1)) return 0;
            at += space;
            continue;
        }
        const byte *begin = at;
        while (++at < end && (may_go_on[*at] || !space_at(at, end))) continue;
        if (!add(all, begin, at - begin)) return 0;
    }
    return 1;
}

static PyObject *distinct(PyObject *Py_UNUSED(module), PyObject *text) {
    char *bytes;
    ssize size;
    if (PyBytes_AsStringAndSize(text, &bytes, &size)) return NULL;
    if (size >= INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "a text of 2 GiB or more: encode it in pieces");
        return NULL;
    }
    found all = {0};
    int complete;
    Py_BEGIN_ALLOW_THREADS
    complete = find_words(&all, (const byte *)bytes, (const byte *)bytes + size);
    Py_END_ALLOW_THREADS
    PyObject *words = complete ? PyList_New(all.count) : PyErr_NoMemory();
    for (ssize i = 0; words && i < all.count; i++) {
        PyObject *each = PyUnicode_DecodeUTF8((const char *)all.words[i].begin, all.words[i].size, "surrogatepass");
        if (!each || PyList_SetItem(words, i, each)) Py_CLEAR(words);
    }
    PyObject *codes =
        words ? PyBytes_FromStringAndSize((const char *)all.codes, all.tokens * (ssize)sizeof *all.codes) : NULL;
    PyObject *both = codes ? PyTuple_Pack(2, words, codes) : NULL;
    Py_XDECREF(words);
    Py_XDECREF(codes);
    free(all.words);
    free(all.slots);
    free(all.codes);
    return both;
}

static PyMethodDef methods[] = {
    {"distinct", distinct, METH_O,
     "distinct(text)\n\n"
     "Return the distinct words of UTF-8 bytes in the order in which they are seen first, as a list of str, and the\n"
     "place in the list of every word of the text, as the bytes of int32."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_words", .m_doc = "Words of a text in C.", .m_size = 0, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__words(void) {
    fill_table();
    return PyModuleDef_Init(&definition);
}
