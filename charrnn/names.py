"""The names that users type: those of other libraries, and the suggestion for a misspelt or unknown one."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from charrnn.errors import typed

LIKENESS = 0.75
"""The least likeness (difflib's ratio) at which a name counts as misspelt; below it nothing is suggested."""

_SYNONYMS = {
    'adapt': 'dynamic dynamic_eval dynamic_evaluation adaptive online',
    'average': 'ema ema_decay use_ema polyak swa weight_average moving_average averaging',
    'anneal': 'lr_decay lr_factor lr_decay_factor learning_rate_decay lrdecay gamma factor plateau',
    'background': 'thread threaded in_background non_blocking asynchronous',
    'batchsize': 'batch batch_size bs bsz minibatch num_lanes n_lanes lanes mini_batch_size train_batch_size',
    'clipnorm': 'max_norm clip_grad_norm clip_norm max_grad_norm grad_norm gradient_clip_norm grad_clip '
    'gradient_clipping gradient_clip clip_value clipvalue',
    'cosine': 'lr_schedule lr_scheduler scheduler step_size cosine_decay t_max',
    'decay': 'alpha rho smoothing decay_rate',
    'device': 'gpu use_gpu cuda use_cuda gpu_id gpuid',
    'dir': 'path directory folder workspace workdir run checkpoint checkpoint_dir save_dir model_path filename file '
    'init_from start_from weights_path vocab_path config_path resume_from',
    'dropout': 'drop dropout_rate dropout_prob drop_rate drop_prob p_drop',
    'emsize': 'emb_size embedding_dim embedding_size embed_dim embed_size n_embd nemb embedding word_dim '
    'dim_embeddings',
    'feature': 'property target label labels mask function pattern concept',
    'keep': 'max_to_keep save_total_limit keep_last',
    'k': 'top topn top_n topk top_k n_best nbest num_units num_neurons how_many',
    'layers': 'depth n_layer n_layers nlayers num_layer num_layers rnn_layers number_of_layers',
    'learnrate': 'lr learn_rate learning_rate learningrate base_lr initial_lr init_lr new_rate eta step',
    'level': 'token_level tokenizer tokenization unit granularity',
    'locked': 'variational locked_dropout variational_dropout lockdrop',
    'lower': 'lowercase lower_case to_lower do_lower_case uncased',
    'mincount': 'min_freq min_word_freq min_count min_df min_frequency',
    'modeltype': 'model rnn_type cell cell_type rnn model_type arch architecture network net type rnn_cell model_name',
    'n': 'num_samples n_samples num_texts num_return_sequences num_sequences samples how_many repeat best_of '
    'batch_size nsamples',
    'num_rounds': 'epochs n_epochs nb_epoch nb_epochs num_epochs max_epochs rounds epoch n_iter '
    'num_train_epochs passes',
    'numchars': 'length len max_len max_length maxlen num_chars n_chars nchars gen_length max_gen_length max_tokens '
    'max_new_tokens new_tokens num_tokens num_generate n_words num_words predict_len sample_length sample_len chars '
    'characters count size words total_words return_length',
    'optimizer': 'opt optim optimiser solver',
    'output': 'out outfile out_file output_file dest destination outpath',
    'patience': 'early_stopping_patience early_stopping_rounds n_iter_no_change stop_after',
    'prime': 'prompt start start_text start_string start_with starting_text prefix seed_text seed_string context '
    'initial_text initial begin beginning primetext prime_text priming prime_str conditioning condition text input '
    'input_text first_chars init_text',
    'print_every': 'log_interval log_every report_every print_freq display_every logging_steps '
    'verbose verbosity silent',
    'regcost': 'l2 wd weight_decay l2_reg reg regularization lambda_l2 weightdecay',
    'rounds': 'num_rounds epochs n_epochs num_epochs max_epochs',
    'sampler': 'algorithm algo search_alg strategy',
    'save_minutes': 'checkpoint_minutes',
    'seed': 'random_state random_seed rng manual_seed rng_seed',
    'seq_len': 'block_size bptt context_length sequence_length seq_length seqlen timesteps time_steps num_steps '
    'n_steps unroll window window_size max_seq_len sequence_len tbptt truncated_bptt '
    'max_length',
    'shuffle_lines': 'shuffle shuffle_data shuffled shuffle_text',
    'space': 'search_space param_space param_grid param_distributions grid distributions',
    'split': 'dataset data part subset which on',
    'srcfile': 'path file filename file_path text_file input_file corpus data source text train_file data_path src '
    'input filepath infile data_dir input_txt texts',
    'state_size': 'hidden hidden_dim hidden_size hiddens hsize n_hidden nhid rnn_size units num_units n_units '
    'hidden_units rnn_units lstm_size gru_size d_model width neurons hidden_layer_size statesize cell_size',
    'storage': 'database db url',
    'stop': 'eos eos_token stop_token end end_token until stop_string stop_strings terminators truncate',
    'stream': 'streaming streamer',
    'forbid': 'bad_words bad_words_ids banned suppress_tokens forbidden',
    'minp': 'min_p min',
    'topk': 'top_n top_k k_top',
    'topp': 'top_p nucleus nucleus_sampling',
    'unit': 'neuron cell unit_index neuron_index',
    'temp': 'temperature t sampling_temperature softmax_temperature diversity creativity randomness',
    'temps': 'temperatures diversities',
    'tied': 'tie_weights weight_tying tie tied_weights share_weights tie_embeddings',
    'train_len': 'steps max_steps num_windows windows steps_per_epoch max_iters num_batches batches max_batches iters '
    'iterations eval_every eval_interval eval_val_every eval_steps',
    'trials': 'n_trials num_trials max_trials n_iter',
    'trainfrac': 'train_frac train_split train_size split_ratio train_ratio train_fraction trainsplit train_test_split',
    'usedir': 'dir directory folder workspace workdir out_dir output_dir save_dir checkpoint_dir logdir name model_dir '
    'outdir to',
    'valid_len': 'validation_steps eval_iters val_steps max_eval_batches',
    'warmup': 'warmup_epochs',
    'vocab_size': 'vocab max_words num_words max_vocab max_features n_vocab vocabulary_size vocabsize ntokens',
    'weightdrop': 'weight_drop wdrop weight_dropout recurrent_dropout dropconnect drop_connect',
    'name': 'title headline heading caption',
    # Of the calls that do not have the name, an earlier row is the likelier one: so this row is the last.
    'atleast': 'min_length min_len minlen least minimum at_least min_chars min_span min n length size',
}
"""For each argument here, what other libraries call it, in lower case."""

_HELD_OUT = 'val_frac val_split validation_split valid_frac val_fraction valid_split test_size test_frac test_split'
HELD_OUT = frozenset(_HELD_OUT.split())
"""Names of the share of a text that is held out: validfrac, or the rest of trainfrac."""

OTHER_VALUES: dict[str, tuple[tuple[str, object, str], ...]] = {
    **dict.fromkeys(('word_level', 'word_based'), (('level', 'word', ''),)),
    **dict.fromkeys(('char_level', 'character_level'), (('level', 'char', ''),)),
    'byte_level': (('level', 'byte', ''),),
    **dict.fromkeys(
        ('verbose', 'verbosity'), (('quiet', True, ' prints nothing'), ('print_every', 10, ' reports often'))
    ),
    'silent': (('quiet', True, ''),),
    'progress': (('quiet', False, ''),),
    'return_as_list': (('n', 5, ' (the result is a list)'),),
    'validation': (('trainfrac', 0.9, ''),),
    **dict.fromkeys(('early_stopping', 'early_stop'), (('patience', 3, ' (in rounds)'),)),
    'attention': (('modeltype', 'LSTMAttention', ''),),
    **dict.fromkeys(('warmup_iters', 'warmup_steps', 'num_warmup_steps'), (('warmup', 1, ' (in epochs)'),)),
    'lr_decay_iters': (('cosine', 10, ' (in epochs)'),),
}
"""Names whose value here is not the value that was given: each argument, its value, and a remark."""

IF_FALSE: dict[str, tuple[str, object]] = {
    **dict.fromkeys(('word_level', 'word_based', 'byte_level'), ('level', 'char')),
    **dict.fromkeys(('char_level', 'character_level'), ('level', 'word')),
    'silent': ('quiet', False),
    'progress': ('quiet', True),
    'validation': ('trainfrac', 1.0),
    'attention': ('modeltype', 'GRUEncode'),
}
"""For names in OTHER_VALUES whose value is a truth: the argument and its value that stand for False."""

NEEDED = {
    **dict.fromkeys(('vocab_size', 'lower', 'punctuation', 'mincount'), ('level', 'word')),
    **dict.fromkeys(('emsize', 'tied'), ('modeltype', 'LSTM')),
    'memory': ('modeltype', 'LSTMAttention'),
    'locked': ('dropout', 0.2),
}
"""For arguments that do nothing without another one: that one, and a value for it."""

_NO_ARGUMENT = {
    'interactive': 'ms.write(), at a terminal',
    'callback callbacks': 'ms.attach(onreport=...), a function that is called with each report',
    'batch_first bidirectional rnn_bidirectional multi_gpu new_model via_new_model num_workers context_labels '
    'pin_memory amp compile': 'leave it out: there is no such choice',
    'is_csv header': 'leave it out: read the column with the module csv, and save it as the lines of a text file',
    'line_delimited single_text delim delimiter': "leave it out; ms.generatestring(stop='\\n') writes one line",
    'gen_epochs sample_every generate_every': 'leave it out: a sample comes with each report; print_every counts '
    'windows between reports',
    'save_every save_epochs save_freq save_interval save_steps checkpoint_every checkpoint_interval': 'leave it out: '
    'a checkpoint comes with each round, and every 10 minutes in a long one',
    'learning_rate_decay_after lr_decay_every': 'leave it out: anneal acts when validation does not improve',
    'return_text include_prefix': 'leave it out: the result is the text after the prime',
    'destination_path output_file output_path': "open('sample.txt', 'w', encoding='utf-8')"
    '.write(ms.generatestring(1000))',
    'momentum nesterov dampening beta1 beta2 beta_1 beta_2 betas adam_beta1 adam_beta2 eps epsilon amsgrad '
    'centered': 'leave it out: no optimizer here has it; rmsprop has decay',
    'beam beam_size num_beams beam_width repetition_penalty': 'leave it out: temp is the one knob of a draw',
}

OTHER_NAMES: dict[str, tuple[str, ...]] = dict.fromkeys(HELD_OUT, ('trainfrac', 'validfrac'))
"""Names of other libraries, in lower case, and the arguments here that each may mean."""
for _meant, _names in _SYNONYMS.items():
    for _name in _names.split():
        OTHER_NAMES[_name] = (*OTHER_NAMES.get(_name, ()), _meant)
del _meant, _names, _name

NO_ARGUMENT = {name: step for names, step in _NO_ARGUMENT.items() for name in names.split()}
"""Names of other libraries for what no argument here does, and what to type instead."""

_ATTRIBUTES = {
    'ms.newcheckpoint()': 'save save_model save_checkpoint checkpoint dump snapshot savemodel store commit '
    'save_weights',
    'ms.generatestring()': 'sample generate predict generate_text gen sampletext sample_text generatetext speak '
    'complete talk inference forward',
    'ms.generatestring(n=5)': 'generate_samples samples generate_many',
    "open('sample.txt', 'w', encoding='utf-8').write(ms.generatestring(1000))": 'generate_to_file sample_to_file',
    'ms.trainmodel(), on its own text; ModelState.initfromsrcfile(...) begins another run': 'train_from_file '
    'train_on_texts train_new_model train_from_largetext_file train_on_text train_on_file',
    'ms.write()': 'interactive interact autocomplete suggest compose chat',
    'ms.trainmodel()': 'train fit learn step_epoch run train_model run_epoch partial_fit resume continue_training',
    "ms.addsource('text.txt'), then ms.trainmodel()": 'finetune fine_tune add_text addtext add_source append',
    "ms.branch('workspaces/branch')": 'fork copy clone deepcopy duplicate',
    'ms.evaluate()': 'eval test validate loss perplexity bpc valid_loss val_loss test_loss ppl accuracy',
    "ms.score('some text')": 'log_prob log_probs logprob logprobs log_likelihood loglikelihood nll surprisal surprise '
    'score_text score_string get_score',
    "ms.read('some text'), which is the state after it": 'encode_text_vectors encode embed embeddings get_embeddings',
    'nothing: no measure compares two texts here; ms.copied finds spans of the training text': 'similarity',
    'nothing: each run generates by itself; compare(ms) shows one or several': 'synthesize ensemble',
    "ms.findneurons('valid', 'line')": 'neurons units cells find_neuron find_units find_cells interpret probe probes',
    "ms.trackneurons('some text')": 'activations get_activations get_hidden hidden_activations record',
    "ms.copied('some text')": 'plagiarism plagiarized memorized memorised memorization memorisation verbatim overlap '
    'is_copied find_copies duplicates',
    'ms.restore()': 'load load_checkpoint undo rollback revert reload load_model load_state_dict load_weights rewind',
    'ms, which prints where the run stands': 'summary info status describe show report overview',
    'ms.trainmodel(clear_state=True); a text that is generated begins with zeros always': 'reset_state clear_state '
    'reset_states zero_state init_hidden reset_hidden',
    'ModelState.initfromsrcfile(...), with fresh weights; ms.trainmodel(clear_state=True) keeps them': 'reset '
    'reset_weights reinit reinitialize init_weights',
    "copy the directory ms.curdir: it is the whole run; ms.export('exported') leaves the text out": 'share '
    'upload copy backup save_as',
    "ms.export('exported')": 'push_to_hub save_pretrained',
    "ms.export('exported', onnx=True)": 'to_onnx export_onnx onnx',
    "ms.exporthtml('page.html')": 'html to_html export_html page webpage demo',
    'delete the directory ms.curdir yourself; nothing here deletes a run': 'delete remove destroy clear drop',
    'nothing: a run needs no closing': 'close quit exit stop shutdown end finish',
    'ms.chars': 'vocab vocabulary charset tokenizer itos stoi alphabet char2idx idx2char vocab_size characters words '
    'get_vocab',
    'ms.history': 'losses log metrics logs train_loss loss_history hist curve',
    'ms.plot()': 'graph plot_losses plot_loss draw figure plot_history curves',
    'ms.hyper': 'config hparams hyperparams settings args params_dict options cfg hyperparameters',
    'ms.carry': 'hidden state states hidden_state hidden_states h h0 memory_state',
    'ms.curdir': 'path dir directory workspace folder filename workdir save_dir location usedir',
    'ms.data': 'dataset text corpus source train_data',
    'ms.epoch': 'num_epochs epochs',
    'ms.position': 'step steps iteration global_step pos iter cursor',
    'ms.modeltype': 'model_type kind arch',
    'ms.device': 'cpu to',
    "ms = ModelState.load(ms.curdir, device='auto')": 'to_gpu gpu cuda',
    'ms.checkpoints()': 'checkpoint_list list_checkpoints saved versions',
    'ms.sethyperparams(learnrate=0.0005)': 'set_lr set_learning_rate set_learnrate setlr update_hyperparams set_params',
    'the folders of ms.curdir: each checkpoint has the weights as safetensors': 'parameters weights state_dict model '
    'network net named_parameters',
}
ATTRIBUTES = {name: step for step, names in _ATTRIBUTES.items() for name in names.split()}
"""Names of other libraries for attributes and methods of a model, and what to type here."""

_CLASSES = 'textgenrnn charrnn char_rnn rnn lstm gru model textgen generator languagemodel charmodel'
_BEGIN = (
    f'{_CLASSES} train fit train_from_file train_on_texts train_new_model train_from_largetext_file trainer new create '
    'from_file init build_model'
)
CLASSES = frozenset(_CLASSES.split())
"""Names of other libraries for the class of a model."""
BEGIN = frozenset(_BEGIN.split())
"""Names that users of other libraries type before there is a run: classes, and functions that train."""


def plain(name: str) -> str:
    """Return a name in the form in which the tables hold it: lower case, with underscores."""
    return name.strip().lower().replace('-', '_')


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the public name that `name` is a misspelling of; None if no name is alike.

    >>> nearest('traifrac', ['trainfrac', 'level']), nearest('xyzzy', ['level'])
    ('trainfrac', None)
    """
    public = {plain(other).replace('_', ''): other for other in known if not other.startswith('_')}
    close = difflib.get_close_matches(plain(name).replace('_', ''), public, n=1, cutoff=LIKENESS)
    return public[close[0]] if close else None


Write = Callable[[str, object], str]
"""A function that returns what to type for an argument and its value."""


def unknown_name(
    kind: str,
    name: str,
    value: object,
    known: Sequence[str],
    write: Write,
    elsewhere: Collection[str] = (),
    meanings: Mapping[str, str] | None = None,
) -> tuple[str, str]:
    """Return the message and the next step for an unknown `name`: the name meant, or a list of all names.

    Names of other libraries are translated first; a name that is in no table is compared with the names here.
    `write` has the last word on the value, which may fit no argument here.

    Parameters
    ----------
    value                      given with the name
    known : sequence           names of this call
    write : callable           returns what to type for a name of this call or of another one, and a value
    elsewhere : collection     names that other calls take, the likeliest first
    meanings : mapping         of names of this call, for the message
    >>> unknown_name('hyperparameter', 'lr', 0.1, ['learnrate', 'layers'], lambda name, value: f'{name}={value}')
    ("no hyperparameter 'lr'.", 'learnrate=0.1')
    """
    here, key = f'no {kind} {name!r}', plain(name)
    if value is None:  # where it stands for a default
        write = _left_out
    for names, where in ((known, ''), (elsewhere, ' here')):
        ways = [way for way in OTHER_VALUES.get(key, ()) if way[0] in names]
        if ways and is_false(value) and key in IF_FALSE:
            return f'{here}{where}.', write(*IF_FALSE[key])
        if ways:
            return f'{here}{where}.', '; '.join(f'{write(other, its)}{remark}' for other, its, remark in ways)
    meant = [*(other for other in known if plain(other) == key), *OTHER_NAMES.get(key, ())]
    found = next((other for other in meant if other in known), None)
    there = next((other for other in elsewhere if other in (name, *meant)), None)
    if found is None and key in NO_ARGUMENT:
        return f'{here}.', NO_ARGUMENT[key].replace(
            "'sample.txt'", typed(value) if isinstance(value, str) else "'sample.txt'"
        )
    if found is None and there is None and not meant:
        found, there = nearest(name, known), nearest(name, elsewhere)
    if key in HELD_OUT and found != 'validfrac':
        value = round(1 - value, 9) if isinstance(value, float) and 0 < value < 1 else 0.9
    if found is not None:
        what = f'{here}: here it is {meanings[found]}.' if meanings and found in meanings else f'{here}.'
        return what, write(found, value)
    if there is not None:
        return f'{here} here.', write(there, value)
    return f'{here}.', f'one of {", ".join(known)}, or leave it out' if known else 'leave it out'


def is_false(value: object) -> bool:
    """Return True for a value that stands for False: False itself, 0, or a word for it, as a shell has it."""
    return str(value).lower() in ('false', '0', 'no', 'off')


def _left_out(name: str, value: object) -> str:
    return 'leave it out'
