package api

import (
	"context"

	"invoq"
)

// FinalizeBill makes a draft final.
func (s *Server) FinalizeBill(
	ctx context.Context, r FinalizeBillRequestObject,
) (FinalizeBillResponseObject, error) {
	b, err := s.Office.Finalize(ctx, scope(ctx), invoq.BillID(r.BillPath))
	if err != nil {
		return nil, err
	}
	return FinalizeBill200JSONResponse(billJSON(b)), nil
}

// PayBill records a payment.
func (s *Server) PayBill(ctx context.Context, r PayBillRequestObject) (PayBillResponseObject, error) {
	b, err := s.Office.Pay(ctx, scope(ctx), invoq.BillID(r.BillPath), r.Body.Payment)
	if err != nil {
		return nil, err
	}
	return PayBill200JSONResponse(billJSON(b)), nil
}

// VoidBill makes a bill void.
func (s *Server) VoidBill(ctx context.Context, r VoidBillRequestObject) (VoidBillResponseObject, error) {
	b, err := s.Office.Void(ctx, scope(ctx), invoq.BillID(r.BillPath), r.Body.Reason)
	if err != nil {
		return nil, err
	}
	return VoidBill200JSONResponse(billJSON(b)), nil
}

// ListCreditNotes answers with the credit notes of a bill.
func (s *Server) ListCreditNotes(
	ctx context.Context, r ListCreditNotesRequestObject,
) (ListCreditNotesResponseObject, error) {
	all, err := s.DB.CreditNotes(ctx, scope(ctx), invoq.BillID(r.BillPath))
	if err != nil {
		return nil, err
	}
	return ListCreditNotes200JSONResponse{Items: convert(all, creditJSON)}, nil
}

// CreateCreditNote takes an amount of a bill back.
func (s *Server) CreateCreditNote(
	ctx context.Context, r CreateCreditNoteRequestObject,
) (CreateCreditNoteResponseObject, error) {
	c, err := s.Office.Credit(ctx, scope(ctx), invoq.CreditNote{
		BillID: invoq.BillID(r.BillPath), Reference: r.Body.Reference, Amount: r.Body.Amount,
		Reason: r.Body.Reason, CreatedBy: string(identity(ctx).KeyID),
	})
	if err != nil {
		return nil, err
	}
	return CreateCreditNote201JSONResponse(creditJSON(c)), nil
}

// creditJSON gives a credit note the form of the contract.
func creditJSON(c invoq.CreditNote) CreditNote {
	return CreditNote{
		ID: c.ID, Number: c.Number, BillID: string(c.BillID), Reference: c.Reference,
		Currency: string(c.Currency), Amount: c.Amount, Reason: c.Reason, CreatedAt: c.CreatedAt,
		CreatedBy: c.CreatedBy,
	}
}
