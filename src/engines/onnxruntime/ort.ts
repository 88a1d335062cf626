// ONNX Runtime looks once, when it is loaded
import './telemetry.ts'

export { default } from 'onnxruntime-node'
