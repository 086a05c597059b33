// What AuthenticatorDevice uses of Apple's AVFoundation, for systems without it. There is no camera.
import Dispatch
import Foundation

public struct AVMediaType: Sendable { public static let video = AVMediaType() }
public enum AVAuthorizationStatus: Sendable { case notDetermined, restricted, denied, authorized }

open class AVCaptureDevice: @unchecked Sendable {
    public static func authorizationStatus(for _: AVMediaType) -> AVAuthorizationStatus { .denied }
    public static func requestAccess(for _: AVMediaType) async -> Bool { false }
    public static func `default`(for _: AVMediaType) -> AVCaptureDevice? { nil }
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
    public func startRunning() {}
    public func stopRunning() {}
}
