// Stub for the parts of Apple's AVFoundation that AuthenticatorDevice uses, for systems without it. A test decides
// whether there is a camera; it sees nothing.
import Dispatch
import Foundation

public struct AVMediaType: Sendable { public static let video = AVMediaType() }

/// What the user allows, and what the device has.
public final class StubCamera: @unchecked Sendable {
    public static let shared = StubCamera()
    private let lock = NSLock()
    private var state = (isAllowed: false, isThere: false)

    public func set(isAllowed: Bool, isThere: Bool) { lock.withLock { state = (isAllowed, isThere) } }
    var current: (isAllowed: Bool, isThere: Bool) { lock.withLock { state } }
}

open class AVCaptureDevice: @unchecked Sendable {
    public static func requestAccess(for _: AVMediaType) async -> Bool { StubCamera.shared.current.isAllowed }
    public static func `default`(for _: AVMediaType) -> AVCaptureDevice? { StubCamera.shared.current.isThere ? AVCaptureDevice() : nil }
}

open class AVCaptureInput: @unchecked Sendable {}
open class AVCaptureDeviceInput: AVCaptureInput, @unchecked Sendable {
    public init(device _: AVCaptureDevice) throws {}
}

open class AVMetadataObject: @unchecked Sendable {
    public struct ObjectType: Sendable { public static let qr = ObjectType() }
    public init() {}
}

open class AVMetadataMachineReadableCodeObject: AVMetadataObject, @unchecked Sendable {
    public let stringValue: String?
    public init(stringValue: String?) { self.stringValue = stringValue }
}

open class AVCaptureOutput: @unchecked Sendable { public init() {} }
open class AVCaptureConnection: @unchecked Sendable { public init() {} }

public protocol AVCaptureMetadataOutputObjectsDelegate: AnyObject {
    func metadataOutput(_ output: AVCaptureMetadataOutput, didOutput objects: [AVMetadataObject], from connection: AVCaptureConnection)
}

open class AVCaptureMetadataOutput: AVCaptureOutput, @unchecked Sendable {
    public var metadataObjectTypes: [AVMetadataObject.ObjectType] = []
    public func setMetadataObjectsDelegate(_: (any AVCaptureMetadataOutputObjectsDelegate)?, queue _: DispatchQueue?) {}
}

open class AVCaptureSession: @unchecked Sendable {
    public init() {}
    public func canAddInput(_: AVCaptureInput) -> Bool { true }
    public func addInput(_: AVCaptureInput) {}
    public func canAddOutput(_: AVCaptureOutput) -> Bool { true }
    public func addOutput(_: AVCaptureOutput) {}
    public func beginConfiguration() {}
    public func commitConfiguration() {}
    public private(set) var isRunning = false
    public func startRunning() { isRunning = true }
    public func stopRunning() { isRunning = false }
}

/// From QuartzCore on Apple's systems.
open class CALayer { public init() {} }

public struct AVLayerVideoGravity: Sendable { public static let resizeAspectFill = AVLayerVideoGravity() }
open class AVCaptureVideoPreviewLayer: CALayer {
    public var session: AVCaptureSession?
    public var videoGravity = AVLayerVideoGravity.resizeAspectFill
}
