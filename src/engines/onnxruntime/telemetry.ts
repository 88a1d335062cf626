/**
 * ONNX Runtime's packages of 1.30 report what they load, and on what, to their maker, and keep an identifier of the machine
 * in the user's folder. Nobody who compares confidential networks has asked for that: it is off unless the environment says
 * otherwise.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1'
