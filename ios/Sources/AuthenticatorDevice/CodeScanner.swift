#if canImport(AVFoundation)
import AVFoundation
import Foundation

/// Reads QR codes from the camera. Gives the first text it sees, once; what the text means is not known here.
public final class CodeScanner: NSObject, AVCaptureMetadataOutputObjectsDelegate, @unchecked Sendable {
    /// For the view that shows what the camera sees.
    public let session = AVCaptureSession()
    /// Starting and stopping take their time. All else here happens on it, too, which is what makes this safe to share.
    private let queue = DispatchQueue(label: "org.pushauthenticator.scanner")
    private var found: (@Sendable (String) -> Void)?

    /// Starts to look.
    ///
    /// - Returns: false when there is no camera, or the person does not want it used
    public func start(_ found: @escaping @Sendable (String) -> Void) async -> Bool {
        guard await AVCaptureDevice.requestAccess(for: .video) else { return false }
        return await withCheckedContinuation { continuation in
            queue.async { continuation.resume(returning: self.begin(found)) }
        }
    }

    public func stop() {
        queue.async {
            self.found = nil
            self.session.stopRunning()
        }
    }

    private func begin(_ found: @escaping @Sendable (String) -> Void) -> Bool {
        guard let camera = AVCaptureDevice.default(for: .video), let input = try? AVCaptureDeviceInput(device: camera) else { return false }
        let output = AVCaptureMetadataOutput()
        session.beginConfiguration()
        guard session.canAddInput(input), session.canAddOutput(output) else {
            session.commitConfiguration()
            return false
        }
        session.addInput(input)
        session.addOutput(output)
        output.setMetadataObjectsDelegate(self, queue: queue)
        output.metadataObjectTypes = [.qr]
        session.commitConfiguration()
        self.found = found
        session.startRunning()
        return true
    }

    public func metadataOutput(_: AVCaptureMetadataOutput, didOutput objects: [AVMetadataObject], from _: AVCaptureConnection) {
        for case let code as AVMetadataMachineReadableCodeObject in objects {
            guard let text = code.stringValue, let found else { continue }
            self.found = nil
            session.stopRunning()
            found(text)
        }
    }
}
#endif
